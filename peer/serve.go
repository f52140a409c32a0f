package peer

import (
	"context"
	"fmt"
	"time"

	"crdb/crdt"
	"crdb/proto/peerpb"
)

// enter registers a call of a peer with the Replicator, which waits for it in
// Close. leave must follow if it returns true.
func (r *Replicator) enter() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mu.closed {
		return false
	}
	r.wg.Add(1)
	return true
}

func (r *Replicator) leave() { r.wg.Done() }

// apart runs f, which sends to a peer, and returns when f has, ctx has ended, or the
// Replicator closes: a peer that takes nothing must not hold it up. Then f ends soon
// after, for gRPC ends the stream of a call that has returned. Close waits for it.
func (r *Replicator) apart(ctx context.Context, f func() error) error {
	done := make(chan error, 1)
	r.wg.Go(func() { done <- f() })
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-r.ctx.Done():
		return errClosed
	}
}

var errClosing = &Refusal{Reason: peerpb.Refusal_CLOSED, Text: "the database is closing here"}

// welcome judges the caller of Follow or Fetch.
func (r *Replicator) welcome(id *peerpb.Identity) (*link, error) {
	m, err := r.party.checkIdentity(id, r.member)
	if err != nil {
		return nil, err
	}
	if cut := r.cutBy(m.Region); cut != nil {
		return nil, refuse(peerpb.Refusal_CUT, "%v", cut)
	}
	return r.link(m.Replica), nil
}

// serveFollow serves a follower of this instance.
func (r *Replicator) serveFollow(s outStream, hello *peerpb.Hello) error {
	if !r.enter() {
		return errClosing
	}
	defer r.leave()
	l, from, welcome, err := r.greet(hello)
	if err == nil {
		err = s.Send(&peerpb.FromSource{Welcome: welcome})
	}
	if err != nil {
		if id := crdt.ReplicaID(hello.GetIdentity().GetReplica()); needsPerson(err) {
			r.quiet.error("a follower was refused", id, err)
		} else {
			r.quiet.warn("a follower was refused", id, err) // also one that is a member only soon, or was one
		}
		return err
	}
	f := newFeed(l, s, from)
	f.runID = hello.GetIdentity().GetRun()
	err = f.serve()
	if needsPerson(err) {
		r.quiet.error("the stream to a follower is stopped", l.replica, err)
	}
	return err
}

// greet judges a follower. It returns its link, where to start, and the answer.
func (r *Replicator) greet(hello *peerpb.Hello) (l *link, from crdt.Timestamp, w *peerpb.Welcome, err error) {
	if l, err = r.welcome(hello.GetIdentity()); err != nil {
		return nil, 0, nil, err
	}
	if err := r.lostLog(l.replica, r.party.checkTip(l.replica, tipOf(hello.GetYours()))); err != nil {
		return nil, 0, nil, err
	}
	if err := l.admitRun(hello.GetIdentity().GetRun()); err != nil {
		return nil, 0, nil, err
	}
	r.heardVersion(l.replica, hello.GetIdentity().GetConfigVersion())
	vector, err := checkVector(hello.GetVector())
	if err != nil {
		return nil, 0, nil, err
	}
	durable, err := checkVector(hello.GetDurable())
	if err != nil {
		return nil, 0, nil, err
	}
	from = vector.Get(r.opts.Self)
	if own := r.opts.Log.DurableOwn(); from > own {
		return nil, 0, nil, r.lostLog(l.replica, refuse(peerpb.Refusal_REWOUND,
			"replica %d holds the log of replica %d up to %v, but that log now ends at %v", l.replica, r.opts.Self, from, own))
	}
	held, err := r.party.tipHeld(l.replica)
	if err != nil {
		return nil, 0, nil, err
	}
	mine, err := r.party.tipHeld(r.opts.Self)
	if err != nil {
		return nil, 0, nil, err
	}
	if err := l.acknowledged(durable, hello.GetIdentity().GetConfigVersion()); err != nil {
		return nil, 0, nil, err
	}
	l.heardWell()
	return l, from, &peerpb.Welcome{
		Identity: r.identity(l.replica),
		Yours:    held.wire(),
		Mine:     mine.wire(),
	}, nil
}

// receiveHello waits for the first message of a follower, but not for ever.
func receiveHello(s outStream, patience time.Duration) (*peerpb.Hello, error) {
	type answer struct {
		msg *peerpb.FromFollower
		err error
	}
	got := make(chan answer, 1)
	go func() { // ends when the caller returns at the latest: gRPC ends the stream
		msg, err := s.Recv()
		got <- answer{msg, err}
	}()
	t := time.NewTimer(patience)
	defer t.Stop()
	select {
	case a := <-got:
		if a.err == nil && a.msg.GetHello() == nil {
			a.err = fmt.Errorf("%w: no hello", errFrame)
		}
		return a.msg.GetHello(), a.err
	case <-t.C:
		return nil, errHandshake
	}
}
