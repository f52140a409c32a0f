package command

import (
	"math"

	"crdb/crdt"
)

// claimArgs are the arguments of XCLAIM.
type claimArgs struct {
	idle          int64
	ids           []crdt.StreamID
	at            int64 // when it counts as delivered, -1: now
	retries       int64 // -1: one more
	force, justID bool
	last          crdt.StreamID
}

// parseClaim reads what follows the consumer; false means that the error is
// replied. What is not an ID begins the options.
func (c *Context) parseClaim() (a claimArgs, ok bool) {
	a.at, a.retries = -1, -1
	if a.idle, ok = c.argRange(4, math.MinInt64, math.MaxInt64, "ERR Invalid min-idle-time argument for XCLAIM"); !ok {
		return a, false
	}
	i := 5
	for ; i < len(c.Args); i++ {
		x, ok := parseStreamID(c.Args[i], 0, true, false)
		if !ok {
			break
		}
		a.ids = append(a.ids, x.id)
	}
	number := func(what string) (n int64) {
		i++
		n, ok = c.argRange(i, math.MinInt64, math.MaxInt64, "ERR Invalid "+what+" option argument for XCLAIM")
		return n
	}
	for ok = true; ok && i < len(c.Args); i++ {
		more := i+1 < len(c.Args)
		switch arg := c.Args[i]; {
		case isOption(arg, "force"):
			a.force = true
		case isOption(arg, "justid"):
			a.justID = true
		case more && isOption(arg, "idle"):
			a.at = c.Tx.Now() - number("IDLE")
		case more && isOption(arg, "time"):
			a.at = number("TIME")
		case more && isOption(arg, "retrycount"):
			a.retries = number("RETRYCOUNT")
		case more && isOption(arg, "lastid"):
			i++
			a.last, ok = c.argStreamID(i, 0)
		default:
			c.Out.Error("ERR Unrecognized XCLAIM option '" + string(cString(arg)) + "'")
			ok = false
		}
	}
	return a, ok
}

func streamClaim(c *Context) {
	s, g, ok := c.mustGroup()
	if !ok {
		return
	}
	a, ok := c.parseClaim()
	if !ok {
		return
	}
	now := c.Tx.Now()
	g.SkipTo(a.last)
	if a.at < 0 || a.at > now {
		a.at = now
	}
	var got []crdt.StreamID
	for _, id := range a.ids {
		p := g.PendingOf(id)
		if !s.Has(id) {
			g.Forget(id)
			continue
		}
		if p == nil && !a.force || p != nil && a.idle > 0 && now-p.Time < a.idle {
			continue
		}
		count := uint64(1)
		if p != nil {
			count = p.Count
		}
		if a.retries >= 0 {
			count = uint64(a.retries)
		} else if !a.justID {
			count++
		}
		g.Assign(id, c.claimer(g), a.at, count)
		got = append(got, id)
	}
	c.replyClaimed(s, got, a.justID)
	c.Tx.GroupChanged(c.Args[1], c.Args[2])
}

// claimer returns the consumer that argument 3 names, once something is claimed
// for it.
func (c *Context) claimer(g *crdt.Group) *crdt.Consumer {
	return c.consumer(c.Args[1], g, c.Args[3])
}

func (c *Context) replyClaimed(s *crdt.Stream, ids []crdt.StreamID, justID bool) {
	c.Out.Array(len(ids))
	for _, id := range ids {
		if justID {
			c.replyStreamID(id)
		} else {
			c.replyOne(s, id)
		}
	}
}

// autoArgs are the arguments of XAUTOCLAIM.
type autoArgs struct {
	idle, count int64
	start       crdt.StreamID
	justID      bool
}

func (c *Context) parseAutoClaim() (a autoArgs, ok bool) {
	a.count = 100
	if a.idle, ok = c.argRange(4, math.MinInt64, math.MaxInt64, "ERR Invalid min-idle-time argument for XAUTOCLAIM"); !ok {
		return a, false
	}
	if a.start, ok = c.argBound(5, false); !ok {
		return a, false
	}
	for i := 6; i < len(c.Args); i++ {
		switch {
		case i+1 < len(c.Args) && isOption(c.Args[i], "count"):
			i++
			if a.count, ok = c.argRange(i, 1, math.MaxInt64/16, "ERR COUNT must be > 0"); !ok {
				return a, false
			}
		case isOption(c.Args[i], "justid"):
			a.justID = true
		default:
			c.Out.Error(msgSyntax)
			return a, false
		}
	}
	return a, true
}

// streamAutoClaim is XAUTOCLAIM. It looks at ten times as many entries as it
// may claim; the ID to go on from is part of the reply.
func streamAutoClaim(c *Context) {
	a, ok := c.parseAutoClaim()
	if !ok {
		return
	}
	s, g, ok := c.mustGroup()
	if !ok {
		return
	}
	now := c.Tx.Now()
	var got, gone []crdt.StreamID
	var next crdt.StreamID
	attempts := a.count * 10
	g.EachPending(nil, a.start, crdt.MaxStreamID, func(id crdt.StreamID, p *crdt.Pending) bool {
		if attempts == 0 || int64(len(got)+len(gone)) == a.count {
			next = id
			return false
		}
		attempts--
		if !s.Has(id) {
			gone = append(gone, id)
		} else if a.idle <= 0 || now-p.Time >= a.idle {
			got = append(got, id)
		}
		return true
	})
	for _, id := range gone {
		g.Forget(id)
	}
	for _, id := range got {
		count := g.PendingOf(id).Count
		if !a.justID {
			count++
		}
		g.Assign(id, c.claimer(g), now, count)
	}
	c.Out.Array(3)
	c.replyStreamID(next)
	c.replyClaimed(s, got, a.justID)
	c.Out.Array(len(gone))
	for _, id := range gone {
		c.replyStreamID(id)
	}
	c.Tx.GroupChanged(c.Args[1], c.Args[2])
}
