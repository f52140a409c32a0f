package peer

import (
	"time"

	"crdb/crdt"
	"crdb/proto/peerpb"
)

// acknowledge writes what is durable here to the source: soon after the
// source's own ops became durable, but not more often than Timing.Ack, and
// with every heartbeat. It also watches that the source is heard. It ends with
// the stream.
func (s *inStream) acknowledge() {
	tm := &s.l.r.opts.Timing
	beat := time.NewTicker(tm.Heartbeat)
	defer beat.Stop()
	pace := time.NewTimer(tm.Ack)
	defer pace.Stop()
	var last ackState
	var quietSince silence
	for {
		var err error
		select {
		case <-s.ctx.Done():
			return
		case <-beat.C:
			if quietSince.tooLong(s, tm) {
				s.fail(errSilent)
				return
			}
			err = s.sendAck(&last, true)
		case <-s.l.ackNow:
			err = s.sendAck(&last, false)
		}
		if err != nil {
			return // the reader meets the reason
		}
		pace.Reset(tm.Ack)
		select {
		case <-s.ctx.Done():
			return
		case <-pace.C:
		}
	}
}

// ackState is what was acknowledged last.
type ackState struct {
	own   crdt.Timestamp // of the source's log
	taken uint64
}

// sendAck sends an acknowledgement if there is news for the source, or anyway.
func (s *inStream) sendAck(last *ackState, anyway bool) error {
	a := s.makeAck(last, anyway)
	if a == nil {
		return nil
	}
	return s.s.Send(&peerpb.FromFollower{Ack: a})
}

func (s *inStream) makeAck(last *ackState, anyway bool) *peerpb.Ack {
	durable, taken := s.l.r.opts.Log.Durable(), s.taken.Load()
	own := durable.Get(s.l.replica)
	if !anyway && own == last.own && taken-last.taken < ackEvery/2 {
		return nil
	}
	*last = ackState{own, taken}
	s.l.ackSent.Store(uint64(own))
	return &peerpb.Ack{Durable: crdt.AppendVector(nil, durable), Taken: taken, ClockMs: s.l.r.opts.Wall(), Plain: s.l.wantsPlain(), ConfigVersion: s.l.r.opts.ConfigVersion()}
}

// wantsPlain decides whether the source should save its time for compression.
func (l *link) wantsPlain() bool {
	if c := l.r.opts.Compression; c != CompressFar {
		return c == CompressNever
	}
	_, rtt, ok := l.offset.get()
	return ok && rtt <= nearby
}

// silence counts heartbeat periods in which nothing came although the stream
// was being read, and in which no message did.
type silence struct {
	messages, bytes uint64
	periods, whole  time.Duration
}

// messagePatience is how many times Timing.LinkTimeout one message may take: what
// comes on the connection need not be of the stream.
const messagePatience = 12

// tooLong looks at what came since the last period. A part of a message counts as
// heard: on a slow link a whole one takes longer than Timing.LinkTimeout, and would
// be sent for ever and never be there.
func (q *silence) tooLong(s *inStream, tm *Timing) bool {
	messages, bytes := s.messages.Load(), s.bytes.Load()
	if messages != q.messages || !s.reading.Load() {
		*q = silence{messages: messages, bytes: bytes}
		return false
	}
	if q.whole++; bytes != q.bytes {
		q.bytes, q.periods = bytes, 0
	} else {
		q.periods++
	}
	return q.periods*tm.Heartbeat >= tm.LinkTimeout || q.whole*tm.Heartbeat >= messagePatience*tm.LinkTimeout
}
