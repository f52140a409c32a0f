package peer

import (
	"errors"

	"crdb/crdt"
	"crdb/proto/peerpb"
)

// Notice is something a link found out that is not for the link to mend.
type Notice struct {
	Kind    NoticeKind
	Peer    crdt.ReplicaID // who said so
	Version uint64         // NoticeNewer: of its configuration
	Err     error          // what happened, for people; nil with NoticeNewer
}

// NoticeKind says what was found out.
type NoticeKind uint8

const (
	// NoticeNewer: a peer runs on a newer configuration than this instance.
	NoticeNewer NoticeKind = iota + 1
	// NoticeStranger: a peer says that this replica is no member, or that it has no
	// such database.
	NoticeStranger
	// NoticeLostLog: a peer holds more of this replica's log than it does, or
	// another block in it (D2). No further write may get a dot.
	NoticeLostLog
	// NoticeCloned: another process runs as this replica, and is the one that
	// the configuration means (D2). No further write may get a dot.
	NoticeCloned
)

func (r *Replicator) notice(n Notice) {
	if r.opts.Notice != nil {
		r.opts.Notice(n)
	}
}

// heardVersion compares the version of a peer's configuration with the one in
// force here.
func (r *Replicator) heardVersion(from crdt.ReplicaID, version uint64) {
	if version > r.opts.ConfigVersion() {
		r.notice(Notice{Kind: NoticeNewer, Peer: from, Version: version})
	}
}

// heardRefusal passes on what a peer's refusal says about this instance.
func (r *Replicator) heardRefusal(from crdt.ReplicaID, err error) {
	var no *Refusal
	if !errors.As(err, &no) || !no.byPeer {
		return
	}
	switch no.Reason {
	case peerpb.Refusal_MEMBER, peerpb.Refusal_DATABASE:
		r.notice(Notice{Kind: NoticeStranger, Peer: from, Err: err})
	case peerpb.Refusal_CLONED:
		r.notice(Notice{Kind: NoticeCloned, Peer: from, Err: err})
	}
}

// lostLog passes on that the own log is not what it was; other errors and nil
// pass through. It returns err.
func (r *Replicator) lostLog(from crdt.ReplicaID, err error) error {
	if ownLoss(err) {
		r.notice(Notice{Kind: NoticeLostLog, Peer: from, Err: err})
	}
	return err
}

// ownLoss reports whether an error says that what is held here is not what it was,
// as with an old disk.
func ownLoss(err error) bool {
	var no *Refusal
	return errors.Is(err, errLostLog) || errors.Is(err, errForgotten) ||
		errors.As(err, &no) && (no.Reason == peerpb.Refusal_REWOUND || no.Reason == peerpb.Refusal_FORKED)
}
