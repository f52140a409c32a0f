package crdt

// mutant breaks one rule of a simulation. The zero value breaks none.
type mutant struct {
	name        string
	mixture     string // where it shows, if it shows rarely; else all
	anyOrder    bool   // C1: entries are applied without their dependencies
	anyImage    bool   // K4: states are merged that lack what was forgotten
	earlyForget bool   // K4: forgets what is applied here, stable or not
	forgetIncr  bool   // K4: takes the stability of the increments for that of their removal
	oldBase     bool   // merged shares take the base of the side with the newer total
	noLosers    bool   // K3: a register keeps its newest sibling only
	noResets    bool   // removals name no parts of shares
	noHidden    bool   // changes name no shares of hidden hash fields
	clearByTime bool   // K2: removals take everything up to now
	noKeys      bool   // K2: a change leaves hidden types alone
	keepDates   bool   // K2: a write of a field names its value only, not its deadline
	spansAll    bool   // K2: a span takes everything up to now
	anew        bool   // moved list elements become others
	oldMoves    bool   // the move applied last counts
}

var mutants = []mutant{
	{name: "any order", anyOrder: true},
	{name: "any image", anyImage: true},
	{name: "early forgetting", earlyForget: true},
	{name: "forgetting with the increments", forgetIncr: true},
	{name: "base of the newer total", oldBase: true},
	{name: "losers dropped", noLosers: true},
	{name: "no resets", noResets: true},
	{name: "no resets of hidden fields", noHidden: true},
	{name: "removal up to now", clearByTime: true},
	{name: "hidden types stay", noKeys: true},
	{name: "deadlines of fields stay", mixture: "field times", keepDates: true},
	{name: "spans take what comes", mixture: "list inside", spansAll: true},
	{name: "moved elements are new ones", mixture: "list inside", anew: true},
	{name: "the last move counts", mixture: "list inside", oldMoves: true},
}

// op changes an op before it enters the log of n.
func (m *mutant) op(n *node, op *Op) {
	whole := op.Kind == KindPut || op.Kind == KindDelete
	if m.noResets && whole {
		op.Shares, op.Elems = nil, nil
	}
	if m.noHidden && (op.Kind == KindIncr || op.Kind == KindSetAdd) {
		kept := op.Elems[:0]
		for _, e := range op.Elems {
			if len(e.Shares) == 0 {
				kept = append(kept, e)
			}
		}
		op.Elems = kept
	}
	if m.clearByTime && whole {
		for r := ReplicaID(1); r <= 3; r++ {
			op.Clear.Raise(Dot{n.clock - 1, r})
		}
	}
	if m.keepDates && op.Kind == KindHashSet {
		h := n.object(int(op.Key[0])).Hash()
		for i := range op.Elems {
			e := &op.Elems[i]
			var seen VersionVector
			for _, s := range h.element(e.Name).Siblings {
				seen.Raise(s.Dot)
			}
			e.Seen = seen
		}
	}
	if m.spansAll && op.Kind == KindListCut {
		for r := ReplicaID(1); r <= 3; r++ {
			op.Elems[0].Seen.Raise(Dot{n.clock - 1, r})
		}
	}
	if m.noKeys && !whole && op.Flags&Create == 0 && op.Kind != KindDeadline && op.Kind != KindFlush {
		op.Clear, op.Shares = nil, nil
	}
}

func (m *mutant) applied(o *Object, op *Op, d Dot) {
	if op.Kind == KindListMove && (m.anew || m.oldMoves) {
		m.moved(o.List(), op, d)
	}
	if m.noLosers && len(o.Cell.Siblings) > 1 {
		o.Cell.Siblings = o.Cell.Siblings[:1]
	}
}

func (m *mutant) stable(n *node, stable VersionVector) VersionVector {
	if m.earlyForget {
		return n.vv.Clone()
	}
	if m.forgetIncr {
		for _, o := range n.keys {
			if o == nil {
				continue
			}
			for i := range o.Cell.Shares {
				if s := &o.Cell.Shares[i]; s.removed() {
					s.Gone = Dot{s.Base, s.Replica}
				}
			}
		}
	}
	return stable
}

func (m *mutant) merge(o *Object, vv VersionVector, other *Object, ovv VersionVector) {
	mine := append([]Share(nil), o.Cell.Shares...)
	o.Merge(vv, other, ovv)
	if !m.oldBase {
		return
	}
	for _, a := range mine {
		b, s := other.Cell.share(a.Replica), o.Cell.share(a.Replica)
		if b == nil {
			continue
		}
		if s.Base, s.BaseTotal = a.Base, a.BaseTotal; b.Last > a.Last {
			s.Base, s.BaseTotal = b.Base, b.BaseTotal
		}
	}
}

// moved does a move again, wrongly.
func (m *mutant) moved(l *List, op *Op, d Dot) {
	to, _ := placeOf(append([]byte(nil), op.Elems[0].Value...), true)
	AppendDot(to.run[:len(to.run)-DotSize], d)
	for k := range op.Elems {
		name, _ := placeOf(op.Elems[k].Name, false)
		i, e, ok := l.seen(name, op.Elems[k].Seen)
		if !ok {
			continue
		}
		e.own()
		l.cut(i, i+1)
		if e.home, e.place = e.name(), (place{to.run, int64(k) * moveStride}); m.anew {
			e.home, e.time = place{}, d.Time
		}
		l.place(&e)
	}
}
