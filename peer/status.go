package peer

import (
	"time"

	"crdb/crdt"
)

// LinkStatus says how it stands with one other member, both ways.
type LinkStatus struct {
	Replica       crdt.ReplicaID
	Region        string
	Addr          string
	Member        bool // false: a former member
	ConfigVersion uint64
	ClockOffset   time.Duration   // how far its clock is ahead of this one
	RoundTrip     time.Duration   // 0: not known yet, as the offset
	Transfer      *TransferStatus // of the state transfer from there; nil: none
	In            InStatus
	Out           OutStatus
}

// InStatus is about the stream this instance follows.
type InStatus struct {
	State     State
	Alarm     bool   // LastError needs a person
	LastError string // of the last failure, until the link is up again
	Applied   crdt.Timestamp
	Known     crdt.Timestamp // the end of its log, as far as heard
	Lag       Lag            // of this instance behind the member
	// HeldBlocks and HeldBytes wait for blocks they depend on, for room or for
	// time to catch up.
	HeldBlocks, HeldBytes int
	HeldByClock           bool // some are stamped too far ahead (H1)
	// HeldAhead is how far the first of those is ahead of the wall clock now.
	HeldAhead time.Duration
	// Stuck tells of blocks that wait for operations nobody sends; nil: there are
	// none. Read only.
	Stuck *Stuck
	Traffic
}

// OutStatus is about the stream the member follows.
type OutStatus struct {
	Connected      bool
	Acknowledged   crdt.Timestamp // of the own log, durable there
	Lag            Lag            // of the member behind this instance
	InFlight       uint64         // bytes sent and not yet taken
	PublishDropped uint64
	Traffic
}

// Lag says how far one instance is behind another.
type Lag struct {
	Seconds float64 // age of the newest state of the other that is known to be here
	Ops     uint64
	Bytes   uint64
}

// Traffic counts what went over a link since the Replicator started.
type Traffic struct {
	Blocks, Ops, Publishes uint64
	RawBytes, WireBytes    uint64 // of blocks, as they are and as they travel
}

func (t *traffic) get() Traffic {
	return Traffic{t.blocks.Load(), t.ops.Load(), t.publishes.Load(), t.raw.Load(), t.wire.Load()}
}

// Links returns the state of all links, by replica.
func (r *Replicator) Links() []LinkStatus {
	var out []LinkStatus
	for _, l := range r.allLinks() {
		out = append(out, l.status())
	}
	return out
}

func (l *link) status() LinkStatus {
	l.mu.Lock()
	st := LinkStatus{Replica: l.replica, ConfigVersion: l.mu.remote.config}
	if m := l.mu.member; m != nil {
		st.Member, st.Region, st.Addr = true, m.Region, m.Addr
	}
	st.In.State, st.In.Alarm = l.mu.state, l.mu.alarm
	if l.mu.err != nil {
		st.In.LastError = l.mu.err.Error()
	}
	rm := l.mu.remote
	l.mu.Unlock()
	if offset, rtt, ok := l.offset.get(); ok {
		st.ClockOffset, st.RoundTrip = offset, rtt
	}
	l.inStatus(&st.In, rm)
	if t := l.r.Transfer(); t.Active && t.Source == l.replica {
		st.Transfer = &t
		st.In.Alarm = st.In.Alarm || t.Alarm
	}
	l.outStatus(&st.Out)
	return st
}

func (l *link) inStatus(in *InStatus, rm remote) {
	now := l.r.opts.Wall()
	in.Applied, in.Known = crdt.Timestamp(l.applied.Load()), crdt.Timestamp(l.known.Load())
	in.HeldBlocks, in.HeldBytes = l.room.used()
	if first := crdt.Timestamp(l.heldByClock.Load()); first != 0 {
		in.HeldByClock, in.HeldAhead = true, time.Duration(max(0, first.Millis()-now))*time.Millisecond
	}
	in.Stuck = l.stuck.Load()
	in.Traffic = l.in.get()
	in.Lag = Lag{
		Seconds: l.age(now, in.Applied, l.current.Load()),
		Ops:     rm.waitingOps,
		Bytes:   rm.waitingBytes + uint64(in.HeldBytes),
	}
	if in.Applied >= in.Known {
		in.Lag.Ops, in.Lag.Bytes = 0, 0
	}
}

func (l *link) outStatus(out *OutStatus) {
	log := l.r.opts.Log
	out.Acknowledged = l.r.holdings.at(l.replica, l.r.opts.Self)
	out.Lag.Ops, out.Lag.Bytes, _ = log.Behind(l.r.opts.Self, out.Acknowledged)
	if out.Acknowledged < log.DurableOwn() {
		out.Lag.Seconds = l.age(l.r.opts.Wall(), out.Acknowledged, l.caughtUp.Load())
	}
	out.PublishDropped = l.out.dropped.Load()
	out.Traffic = l.out.get()
	if f := l.feed.Load(); f != nil {
		out.Connected = true
		if sent, taken := f.sentBytes.Load(), f.taken.Load(); sent > taken {
			out.InFlight = sent - taken
		}
	}
}

// age returns how old the state is that one side has of the other, in seconds:
// since the stamp of the last op it has, or since it last had all there was.
func (l *link) age(now int64, last crdt.Timestamp, complete int64) float64 {
	// Heartbeats confirm completeness only so often: an idle link shows 0.
	if complete > 0 && now-complete <= 2*l.r.opts.Timing.Heartbeat.Milliseconds() {
		return 0
	}
	since := max(last.Millis(), complete)
	if since == 0 || now < since {
		return 0
	}
	return float64(now-since) / 1000
}
