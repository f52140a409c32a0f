package crdt

// Sibling is one of the concurrent values of a register.
type Sibling struct {
	Dot   Dot
	Value []byte
}

// Share is what one replica has added to a counter. Total is the running sum of
// its increments, Last the time of the newest; resets have removed the part of
// it that stood at BaseTotal when the replica's clock was Base. The share adds
// Total - BaseTotal to the value. Gone, set while the whole share is removed,
// is the removal that took it.
type Share struct {
	Replica   ReplicaID
	Last      Timestamp
	Total     Number
	Base      Timestamp
	BaseTotal Number
	Gone      Dot
}

// removed reports whether resets have taken the whole share.
func (s *Share) removed() bool { return s.Base >= s.Last }

// Reset names the part of a share that the author of a removal had seen.
type Reset struct {
	Replica ReplicaID
	Time    Timestamp
	Total   Number
}

// Cell is the value of a string key or a hash field: a register of concurrent
// siblings and, over it, a counter that is exact under resets. The zero value
// holds nothing.
//
// The shown value is the newest sibling plus all shares when it is numeric (or
// when there is no sibling), else the newest sibling alone (K3).
type Cell struct {
	Siblings []Sibling // newest first
	Shares   []Share   // by replica; fully removed ones are kept until stable
}

// Live reports whether the cell shows a value.
func (c *Cell) Live() bool {
	if len(c.Siblings) > 0 {
		return true
	}
	for i := range c.Shares {
		if !c.Shares[i].removed() {
			return true
		}
	}
	return false
}

// Newest returns the newest live dot, zero if the cell is not live.
func (c *Cell) Newest() Dot {
	var d Dot
	if len(c.Siblings) > 0 {
		d = c.Siblings[0].Dot
	}
	for i := range c.Shares {
		s := &c.Shares[i]
		if sd := (Dot{s.Last, s.Replica}); !s.removed() && sd.Newer(d) {
			d = sd
		}
	}
	return d
}

// Value appends the shown value to buf and returns it; without shares it is the
// sibling's own bytes. The cell must be live.
func (c *Cell) Value(buf []byte) []byte {
	if len(c.Shares) == 0 {
		return c.Siblings[0].Value
	}
	n, plain := c.sum()
	if plain {
		return c.Siblings[0].Value
	}
	return n.saturated().Append(buf)
}

// sum returns the counter's value; plain is true when the register alone
// decides because no share is live or the register is not numeric.
func (c *Cell) sum() (n Number, plain bool) {
	live := false
	for i := range c.Shares {
		if s := &c.Shares[i]; !s.removed() {
			n = n.Add(s.Total.Sub(s.BaseTotal))
			live = true
		}
	}
	if len(c.Siblings) == 0 {
		return n, false
	}
	base, ok := parseNumber(c.Siblings[0].Value)
	return n.Add(base), !ok || !live
}

// Seen adds to v the live dots of the cell, newest per replica, and to resets
// what is live of the shares: what a removal made now must name (K2).
func (c *Cell) Seen(v VersionVector, resets []Reset) (VersionVector, []Reset) {
	for i := range c.Siblings {
		v.Raise(c.Siblings[i].Dot)
	}
	for i := range c.Shares {
		if s := &c.Shares[i]; !s.removed() {
			v.Raise(Dot{s.Last, s.Replica})
			resets = append(resets, Reset{s.Replica, s.Last, s.Total})
		}
	}
	return v, resets
}

// clear removes, for the operation named by, the siblings that seen covers and
// the parts of the shares that resets name. Removing a covered share needs no
// reset: all of it was seen.
func (c *Cell) clear(seen VersionVector, resets []Reset, by Dot) {
	kept := c.Siblings[:0]
	for _, s := range c.Siblings {
		if !seen.Covers(s.Dot) {
			kept = append(kept, s)
		}
	}
	clear(c.Siblings[len(kept):])
	c.Siblings = kept
	for i := range c.Shares {
		s := &c.Shares[i]
		if t := seen.Get(s.Replica); s.Last <= t && s.Base < s.Last {
			s.take(s.Last, s.Total, by)
		}
	}
	for _, r := range resets {
		if s := c.share(r.Replica); s != nil && s.Base < r.Time && r.Time <= s.Last { // C1: never past Last
			s.take(r.Time, r.Total, by)
		}
	}
}

// take moves the base of a share up.
func (s *Share) take(base Timestamp, total Number, by Dot) {
	s.Base, s.BaseTotal = base, total
	if s.removed() {
		s.Gone = by
	}
}

func (c *Cell) share(r ReplicaID) *Share {
	for i := range c.Shares {
		if c.Shares[i].Replica == r {
			return &c.Shares[i]
		}
	}
	return nil
}

// put adds a sibling. An operation applied a second time changes nothing.
func (c *Cell) put(d Dot, value []byte) {
	i := 0
	for i < len(c.Siblings) && c.Siblings[i].Dot.Newer(d) {
		i++
	}
	if i < len(c.Siblings) && c.Siblings[i].Dot == d {
		return
	}
	c.Siblings = append(c.Siblings, Sibling{})
	copy(c.Siblings[i+1:], c.Siblings[i:])
	c.Siblings[i] = Sibling{d, value}
}

// add applies an increment: total is the author's running total after it.
func (c *Cell) add(d Dot, total, delta Number) {
	i := 0
	for i < len(c.Shares) && c.Shares[i].Replica < d.Replica {
		i++
	}
	if i == len(c.Shares) || c.Shares[i].Replica != d.Replica {
		c.Shares = append(c.Shares, Share{})
		copy(c.Shares[i+1:], c.Shares[i:])
		c.Shares[i] = Share{Replica: d.Replica}
	}
	s := &c.Shares[i]
	if d.Time <= s.Last {
		return
	}
	if s.removed() { // absent, or removed: everything before this increment is gone
		s.Base, s.BaseTotal = d.Time-1, total.Sub(delta)
	}
	s.Last, s.Total, s.Gone = d.Time, total, Dot{}
}

// prepareIncr returns replica r's running total after adding delta.
func (c *Cell) prepareIncr(r ReplicaID, delta Number) (total Number) {
	if s := c.share(r); s != nil && !s.removed() {
		return s.Total.Add(delta)
	}
	return delta
}

// IncrInt prepares adding delta as INCRBY does: the shown value must be a
// 64-bit integer before and after. It returns r's new total and the new value.
// Past the limits, where merging has led, that is what shows of the new sum.
func (c *Cell) IncrInt(r ReplicaID, delta int64) (total Number, value int64, err error) {
	n, old := Number{}, int64(0)
	if c.Live() {
		var plain, ok bool
		if n, plain = c.sum(); plain {
			i, ok := ParseInt(c.Siblings[0].Value)
			if !ok {
				return Number{}, 0, ErrNotInteger
			}
			n = Int(i)
		}
		if old, ok = n.saturated().Int64(); !ok {
			return Number{}, 0, ErrNotInteger
		}
	}
	if delta < 0 && old < -1<<63-delta || delta > 0 && old > 1<<63-1-delta {
		return Number{}, 0, ErrOverflow
	}
	value, _ = n.Add(Int(delta)).saturated().Int64()
	return c.prepareIncr(r, Int(delta)), value, nil
}

// IncrFloat prepares adding incr as INCRBYFLOAT does. The delta is chosen so
// that the exact sum is what Redis's long doubles would give: a single writer
// sees Redis's digits, and concurrent deltas add exactly in any order.
func (c *Cell) IncrFloat(r ReplicaID, incr []byte) (total, delta, value Number, err error) {
	old, text := Number{}, []byte("0")
	if c.Live() {
		text = c.Value(nil)
		var ok bool
		if old, ok = parseNumber(text); !ok {
			if f, valid := parseLongDouble(text); valid && f.IsInf() {
				return old, old, old, ErrNaN
			}
			return old, old, old, ErrNotFloat
		}
		if n, plain := c.sum(); !plain {
			old = n
		}
	}
	value, err = addFloat(text, incr)
	if err != nil {
		return old, old, old, err
	}
	delta = value.Sub(old)
	return c.prepareIncr(r, delta), delta, value, nil
}

// Merge joins two states of one cell, given what each side's instance had
// applied: a sibling that one side lacks although it covers its dot was removed
// there (K1). Both cells are left alone; the result shares their bytes.
func (c *Cell) Merge(vv VersionVector, o *Cell, ovv VersionVector) Cell {
	var m Cell
	for _, s := range c.Siblings {
		if o.has(s.Dot) || !ovv.Covers(s.Dot) {
			m.put(s.Dot, s.Value)
		}
	}
	for _, s := range o.Siblings {
		if c.has(s.Dot) || !vv.Covers(s.Dot) {
			m.put(s.Dot, s.Value)
		}
	}
	for i := range c.Shares {
		s := c.Shares[i]
		if t := o.share(s.Replica); t != nil {
			s = mergeShares(s, *t)
		}
		m.Shares = append(m.Shares, s)
	}
	for _, t := range o.Shares {
		if c.share(t.Replica) == nil {
			m.insertShare(t)
		}
	}
	return m
}

func (c *Cell) has(d Dot) bool {
	for i := range c.Siblings {
		if c.Siblings[i].Dot == d {
			return true
		}
	}
	return false
}

func (c *Cell) insertShare(s Share) {
	i := 0
	for i < len(c.Shares) && c.Shares[i].Replica < s.Replica {
		i++
	}
	c.Shares = append(c.Shares, Share{})
	copy(c.Shares[i+1:], c.Shares[i:])
	c.Shares[i] = s
}

// mergeShares takes the total from the newer Last and the base from the newer
// Base; on equal bases from the side with the newer Last. Were the base of a
// restarted total the dot before it, equal bases could count differently; but
// add puts it just below the restart, hence above the removal that caused it.
func mergeShares(a, b Share) Share {
	if a.Last < b.Last {
		a, b = b, a
	}
	switch {
	case b.Base > a.Base:
		a.Base, a.BaseTotal, a.Gone = b.Base, b.BaseTotal, b.Gone
	case b.Base == a.Base && b.Last == a.Last && a.Gone.Newer(b.Gone):
		a.Gone = b.Gone // either took it all: the older one is stable first
	}
	if !a.removed() {
		a.Gone = Dot{}
	}
	return a
}

// stale reports whether the cell holds removed shares.
func (c *Cell) stale() bool {
	for i := range c.Shares {
		if c.Shares[i].removed() {
			return true
		}
	}
	return false
}

// forget drops the removed shares whose removal stable covers: forgetting one
// earlier would leave a state merge without the removed prefix (K4).
func (c *Cell) forget(stable VersionVector) (changed bool) {
	kept := c.Shares[:0]
	for _, s := range c.Shares {
		if !s.removed() || !stable.Covers(s.Gone) {
			kept = append(kept, s)
		}
	}
	changed = len(kept) < len(c.Shares)
	clear(c.Shares[len(kept):])
	c.Shares = kept
	return changed
}
