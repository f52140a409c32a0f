package crdt

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
)

// sim is a database of a few replicas: clocks, logs, causal delivery, state
// merges and forgetting, and the spec beside it. Everything that happens is
// written down in trace.
type sim struct {
	hist    history
	nodes   []*node
	keys    int
	trace   []string
	quiet   bool               // no trace
	digests map[visible]uint64 // of keys
	views   map[visible]string // what the spec says
	order   map[[2]string]bool // pairs of list elements, the first shown before the second
	ids     []string           // the list elements that the op just prepared names
	break_  mutant
}

// visible names a key and the events that are visible of it.
type visible struct {
	key  int
	mask uint64
}

// entry is one atomic group in a replica's log.
type entry struct {
	mask uint64 // its events
	ops  [][]byte
	dots []Dot
	deps VersionVector
}

// node is one replica.
type node struct {
	id     ReplicaID
	keys   []*Object // nil: absent
	vv     VersionVector
	clock  Timestamp
	mask   uint64 // visible events
	forgot VersionVector
	log    []entry
}

// image is the encoded state of a replica at some moment.
type image struct {
	from       ReplicaID
	vv, forgot VersionVector
	mask       uint64
	clock      Timestamp
	recs       [][]byte
	elems      [][]elemRec
}

type elemRec struct {
	t         Type
	name, rec []byte
}

func newSim(nodes, keys int) *sim {
	s := &sim{keys: keys, digests: map[visible]uint64{}, views: map[visible]string{}, order: map[[2]string]bool{}}
	for i := range nodes {
		s.nodes = append(s.nodes, &node{id: ReplicaID(i + 1), keys: make([]*Object, keys)})
	}
	return s
}

func (s *sim) note(format string, args ...any) {
	if !s.quiet {
		s.trace = append(s.trace, fmt.Sprintf(format, args...))
	}
}

func (n *node) object(key int) *Object {
	if n.keys[key] == nil {
		return &Object{}
	}
	return n.keys[key]
}

// store keeps a key, as an engine does: one of a few elements at times as a record.
func (n *node) store(key int, o *Object) {
	if rec, ok := o.Few(nil, 1<<10); ok && n.id%2 == 0 {
		o = &Object{}
		decode := DecodeRecord
		if key%2 == 0 {
			decode = DecodeKnown
		}
		if err := decode(o, rec); err != nil {
			panic(err)
		}
	}
	if n.keys[key] = o; o.Empty() {
		n.keys[key] = nil
	}
}

// write lets a client of node n do a; wall is its clock. It reports whether an
// op came of it.
func (s *sim) write(n *node, a action, wall Timestamp) (bool, error) {
	n.clock = max(n.clock+1, wall)
	e := entry{deps: n.vv.Clone()}
	ev := event{action: a, seen: n.mask}
	if a.verb == vFlush {
		for k := range s.keys { // a vector does not say how much of a share was seen
			if o := n.object(k); o.HasShares() && o.Type() != TypeNone {
				op := &Op{Kind: KindDelete, Key: []byte{byte(k)}}
				o.PrepareDelete(op)
				e.add(s, n, op)
			}
		}
		e.add(s, n, &Op{Kind: KindFlush, Clear: n.vv.Clone()})
	} else {
		before := s.hist.view(n.mask, a.key)
		if a.verb == vHexpire {
			a.names = slices.DeleteFunc(slices.Compact(slices.Sorted(slices.Values(a.names))), func(f string) bool { _, ok := before.hash[f]; return !ok })
			ev.action = a
		}
		shown := values(n.object(a.key))
		op, err := s.prepare(n, a)
		if errors.Is(err, errNoRoom) {
			if ok, err := s.write(n, action{verb: vLroom, key: a.key, index: a.index}, wall); !ok {
				return false, err
			}
			return s.write(n, a, wall)
		}
		if want := s.expect(before, a); !errors.Is(err, want) {
			return false, fmt.Errorf("%v at %d: %v, the spec says %v", a, n.id, err, want)
		}
		if op == nil {
			return false, nil
		}
		ev.created = before.typ == TypeNone
		ev.epoch = s.epoch(n.mask, a)
		if a.verb == vHincr {
			_, there := before.hash[a.names[0]]
			ev.fresh = !there
		}
		ev.ids, s.ids = s.ids, nil
		ev.emptied = emptied(before, a) || a.verb == vLcut && len(ev.ids) == len(shown)
		ev.list = slicesList(shown, &ev, len(s.hist))
		e.add(s, n, op)
	}
	if err := e.foresees(); err != nil {
		return false, fmt.Errorf("%v at %d: %w", a, n.id, err)
	}
	ev.dot = e.dots[len(e.dots)-1]
	e.mask = 1 << len(s.hist)
	s.hist = append(s.hist, ev)
	n.log = append(n.log, e)
	n.apply(s, &e)
	s.note("%d writes e%d %v: %v seen=%x", n.id, len(s.hist)-1, ev.dot, a, ev.seen)
	if got := values(n.object(a.key)); ev.list != nil && !slices.Equal(got, ev.list) {
		return false, fmt.Errorf("%v at %d shows %q, want %q", a, n.id, got, ev.list)
	}
	return true, s.check(n)
}

// foresees returns an error if an op would be refused for what it has seen.
func (e *entry) foresees() error {
	vv := e.deps.Clone()
	for i, d := range e.dots {
		vv.Set(d.Replica, d.Time-1)
		if err := CheckOp(&Op{}, e.ops[i], vv); err != nil {
			return fmt.Errorf("op %v, seen is %v: %w", d, vv, err)
		}
	}
	return nil
}

// add puts an op of n into the entry.
func (e *entry) add(s *sim, n *node, op *Op) {
	if len(e.dots) > 0 {
		n.clock++
	}
	s.break_.op(n, op)
	e.ops = append(e.ops, AppendOp(nil, op))
	e.dots = append(e.dots, Dot{n.clock, n.id})
}

// prepare makes the op of an action; nil if there is nothing to do.
func (s *sim) prepare(n *node, a action) (op *Op, err error) {
	o := n.object(a.key)
	op = &Op{Key: []byte{byte(a.key)}}
	names := list(a.names)
	count := 1
	switch a.verb {
	case vPut:
		op.Kind = KindPut
		o.PreparePut(op, []byte(a.text), a.keep, a.at)
	case vDel, vExpire:
		if o.Type() == TypeNone {
			return nil, nil
		}
		if op.Kind = KindDelete; a.verb == vDel {
			o.PrepareDelete(op)
		} else {
			op.Kind = KindDeadline
			o.PrepareDeadline(op, a.at)
		}
	case vIncr:
		op.Kind = KindIncr
		err = prepareIncr(n, o, op, a)
	case vSadd, vSrem:
		if op.Kind, err = KindSetAdd, o.PrepareChange(op, TypeSet); err == nil && a.verb == vSadd {
			o.Set().PrepareAdd(op, names)
		} else if err == nil {
			op.Kind = KindSetRemove
			count = o.Set().PrepareRemove(op, names)
		}
	case vHset, vHdel:
		if op.Kind, err = KindHashSet, o.PrepareChange(op, TypeHash); err == nil && a.verb == vHset {
			var pairs [][]byte
			for _, f := range names {
				pairs = append(pairs, f, []byte(a.text))
			}
			o.Hash().PrepareSet(op, pairs)
		} else if err == nil {
			op.Kind = KindHashRemove
			count = o.Hash().PrepareRemove(op, names)
		}
	case vHexpire:
		count, err = prepareHexpire(o, op, a)
	case vLpush, vRpush, vLinsert, vLset, vLrem, vLcut, vLroom:
		if err = o.PrepareChange(op, TypeList); err == nil {
			count, err = s.prepareList(n, o.List(), op, a)
		}
	case vXadd, vXdel, vXcut, vXgroup, vXdrop:
		if err = o.PrepareChange(op, TypeStream); err == nil {
			count = prepareStream(n, o.Stream(), op, a)
		}
	case vZadd, vZrem, vZincr:
		if err = o.PrepareChange(op, TypeZSet); err == nil {
			count, err = prepareZSet(n, o.ZSet(), op, a)
		}
	case vPfadd:
		op.Kind = KindHLLAdd
		if err = o.PrepareChange(op, TypeHLL); err == nil && !prepareSketch(o, op, names) {
			count = 0
		}
	case vHincr:
		op.Kind = KindHashIncr
		err = prepareHincr(n, o, op, a)
	}
	if err != nil || count == 0 {
		return nil, err
	}
	return op, nil
}

func prepareSketch(o *Object, op *Op, names [][]byte) bool {
	c := o.HLL().NewChange(3000)
	for _, name := range names {
		c.Raise(HashElement(name))
	}
	return c.Prepare(op)
}

// epoch is the event whose epoch a write names: the newest epoch that is live,
// else its own.
func (s *sim) epoch(mask uint64, a action) int {
	newest := len(s.hist)
	for _, x := range s.hist.live(mask, a.key, "p", vPfadd) {
		if e := s.hist[x].epoch; newest == len(s.hist) || s.hist[e].dot.Newer(s.hist[newest].dot) {
			newest = e
		}
	}
	return newest
}

func prepareIncr(n *node, o *Object, op *Op, a action) (err error) {
	if err = o.PrepareChange(op, TypeString); err != nil {
		return err
	}
	if a.float {
		op.Total, op.Delta, _, err = o.Cell.IncrFloat(n.id, []byte(a.text))
		return err
	}
	i, _ := ParseInt([]byte(a.text))
	op.Delta = Int(i)
	op.Total, _, err = o.Cell.IncrInt(n.id, i)
	return err
}

func prepareHexpire(o *Object, op *Op, a action) (count int, err error) {
	op.Kind = KindHashExpire
	if err = o.PrepareChange(op, TypeHash); err != nil {
		return 0, err
	}
	for _, f := range list(a.names) {
		o.Hash().PrepareDeadline(op, f, a.at)
	}
	return len(a.names), nil
}

func prepareHincr(n *node, o *Object, op *Op, a action) (err error) {
	if err = o.PrepareChange(op, TypeHash); err != nil {
		return err
	}
	if a.float {
		_, _, err = o.Hash().PrepareIncrFloat(op, n.id, []byte(a.names[0]), []byte(a.text))
		return err
	}
	i, _ := ParseInt([]byte(a.text))
	_, _, err = o.Hash().PrepareIncr(op, n.id, []byte(a.names[0]), i)
	return err
}

// prepareStream prepares an action on a stream; its names are "e" and the
// milliseconds of an ID, or "g" and a group.
func prepareStream(n *node, s *Stream, op *Op, a action) (count int) {
	s.Begin()
	id := StreamID{Ms: uint64(a.names[0][1] - '0')}
	g := s.Group([]byte(a.names[0][1:]))
	switch a.verb {
	case vXadd:
		op.Kind = KindStreamAdd
		s.PrepareAdd(op, n.id, id, AppendStreamFields(nil, [][]byte{[]byte("f"), []byte(a.text)}))
		return 1
	case vXdel:
		op.Kind = KindStreamRemove
		return s.PrepareRemove(op, []StreamID{id})
	case vXcut:
		op.Kind = KindStreamRemove
		last := StreamID{Ms: uint64(a.names[len(a.names)-1][1] - '0')}
		s.list.rng(id, last, func(*StreamEntry) bool { count++; return true })
		s.seeSpan(op, id, last)
		return count
	case vXgroup:
		if op.Kind = KindStreamAdd; g != nil {
			return 0
		}
		s.PrepareGroup(op, []byte(a.names[0][1:]), id, 0, op.Flags&Create != 0)
		return 1
	}
	if op.Kind = KindStreamRemove; g == nil {
		return 0
	}
	s.PrepareDestroy(op, g.Name)
	return 1
}

// expect is the error that the spec gives to an action.
func (s *sim) expect(v view, a action) error {
	want := map[verb]Type{vIncr: TypeString, vSadd: TypeSet, vSrem: TypeSet, vHset: TypeHash, vHdel: TypeHash, vHincr: TypeHash, vHexpire: TypeHash, vXadd: TypeStream, vXdel: TypeStream, vXcut: TypeStream, vXgroup: TypeStream, vXdrop: TypeStream, vZadd: TypeZSet, vZrem: TypeZSet, vZincr: TypeZSet,
		vLpush: TypeList, vRpush: TypeList, vLinsert: TypeList, vLset: TypeList, vLrem: TypeList, vLcut: TypeList, vLroom: TypeList, vPfadd: TypeHLL}[a.verb]
	if want != TypeNone && v.typ != TypeNone && v.typ != want {
		return ErrWrongType
	}
	text, has := v.str, v.hasStr
	switch a.verb {
	case vHincr:
		text, has = v.hash[a.names[0]]
	case vIncr:
	default:
		return nil
	}
	switch {
	case !has:
		return nil
	case a.float && rat(text) == nil:
		return ErrNotFloat
	case a.float:
		return nil
	case !isInt(text):
		return ErrNotInteger
	}
	if sum := new(big.Rat).Add(rat(text), rat(a.text)); !sum.Num().IsInt64() {
		return ErrOverflow
	}
	return nil
}

// emptied reports whether a removes all that the key shows.
func emptied(v view, a action) bool {
	left := 0
	switch a.verb {
	case vSrem:
		for _, m := range v.set {
			if !slices.Contains(a.names, m) {
				left++
			}
		}
	case vHdel:
		for f := range v.hash {
			if !slices.Contains(a.names, f) {
				left++
			}
		}
	case vLrem:
		for _, m := range v.list {
			if !slices.Contains(a.names, baseOf(m)) {
				left++
			}
		}
	case vZrem:
		for m := range v.zset {
			if !slices.Contains(a.names, m) {
				left++
			}
		}
	default:
		return false
	}
	return left == 0
}
