package host

import (
	"errors"
	"slices"

	"crdb/command"
	"crdb/control"
	"crdb/control/api"
	"crdb/crdt"
	"crdb/oplog"
	"crdb/peer"
)

// This file is what a change of the membership asks of an instance.

// positions turns a vector into what goes over the wire.
func positions(vv crdt.VersionVector) []api.Position {
	all := make([]api.Position, 0, len(vv))
	for _, e := range vv {
		all = append(all, api.Position{ID: int(e.Replica), Time: uint64(e.Time)})
	}
	return all
}

// Holdings is part of control.Instance.
func (i *instance) Holdings() control.Holdings {
	h := control.Holdings{Durable: positions(i.log.Durable()), Issued: uint64(i.log.Issued().Time), Clock: uint64(i.log.Clock()), Others: []api.Holding{}}
	for _, l := range i.repl.Links() {
		if l.Member && l.In.HeldByClock {
			h.Held = append(h.Held, api.Position{ID: int(l.Replica), Time: uint64(l.In.Known)})
		}
	}
	for id, vv := range i.repl.Held() {
		h.Others = append(h.Others, api.Holding{ID: int(id), Durable: positions(vv)})
	}
	slices.SortFunc(h.Others, func(a, b api.Holding) int { return a.ID - b.ID })
	return h
}

// Tolerate is part of control.Instance.
func (i *instance) Tolerate(stamp uint64) error { return i.log.Tolerate(crdt.Timestamp(stamp)) }

// End is part of control.Instance.
func (i *instance) End(replica int) (control.End, error) {
	t, err := i.repl.EndOf(crdt.ReplicaID(replica))
	return control.End{Time: uint64(t.Time), Hash: t.Hash, Seen: uint64(t.Seen)}, err
}

// OtherRun is part of control.Instance.
func (i *instance) OtherRun(replica int, run uint64) bool {
	return i.repl.SeesOtherRun(crdt.ReplicaID(replica), run)
}

// Configure is part of control.Instance.
func (i *instance) Configure(settings map[string]string) error {
	if len(settings) == 0 {
		return nil
	}
	list := make([]command.Setting, 0, len(settings))
	for name, value := range settings {
		list = append(list, command.Setting{Name: name, Value: value})
	}
	return i.config.SetAll(list)
}

// errNotAdmitted holds from the opening of an instance until control has asked
// the others whether it may go on, and calls Forbid.
var errNotAdmitted = errors.New("the region is starting: it asks the others what they hold of its log")

// Forbid is part of control.Instance. Every write asks the log once more
// when it has the locks of its keys. So none is under way any more when all locks were
// held together. That is waited for by a goroutine which Close waits for in turn, one at
// a time: it may have to wait for a script that ends only with the instance. What the
// links found out about the own log holds for this run, also if control has not heeded
// it yet.
func (i *instance) Forbid(why error) {
	i.found.Lock()
	defer i.found.Unlock()
	if why == nil {
		why = i.found.why
	}
	i.log.Forbid(why)
	i.found.forbidden = why != nil
	i.found.quiet = i.found.quiet && i.found.forbidden
	if !i.found.forbidden || i.found.quiet || i.found.waiting || i.closing.Err() != nil {
		return
	}
	i.found.waiting = true
	i.quiescing.Go(func() {
		tx := i.engine.NewTx()
		tx.LockAll(i.host.wall())
		defer tx.Unlock()
		i.found.Lock()
		defer i.found.Unlock()
		i.found.waiting, i.found.quiet = false, i.found.forbidden
	})
}

// Quiet is part of control.Instance.
func (i *instance) Quiet() bool {
	i.found.Lock()
	defer i.found.Unlock()
	return i.found.quiet
}

// CheckOwn is part of control.Instance.
func (i *instance) CheckOwn(by int, end control.End) error {
	return i.repl.CheckOwn(crdt.ReplicaID(by), peer.Tip{Time: crdt.Timestamp(end.Time), Hash: end.Hash, Seen: crdt.Timestamp(end.Seen)})
}

// notice passes on what the links found out. Where the own log is not what it
// was, no write may get a dot from now on (D2).
func (i *instance) notice(x peer.Notice) {
	kind, text := control.NoticeNewer, ""
	switch x.Kind {
	case peer.NoticeStranger:
		kind = control.NoticeStranger
	case peer.NoticeLostLog:
		kind = control.NoticeLostLog
	case peer.NoticeCloned:
		kind = control.NoticeCloned
	}
	if x.Err != nil {
		text = x.Err.Error()
	}
	if kind == control.NoticeLostLog || kind == control.NoticeCloned {
		i.forbidForGood(x.Err)
	}
	if i.spec.Notice != nil {
		i.spec.Notice(control.Notice{Kind: kind, Text: text})
	}
}

// forbidForGood stops writes until the instance is opened anew.
func (i *instance) forbidForGood(why error) {
	i.found.Lock()
	defer i.found.Unlock()
	i.found.why = why
	if !errors.Is(i.log.Admit(i.host.wall()), oplog.ErrForbidden) { // control knows it already, and says it better
		i.log.Forbid(why)
	}
}
