package crdt

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// The spec of lists. An element that event e pushes as its i-th has the id
// "name@e.i", which is its value until an LSET x makes it "name@e.i'x". What is
// in a list follows from the visible events. Its order does not, but
//
//   - each author shows at once exactly what a slice would (event.list),
//   - the order of two elements, once shown anywhere, is that order everywhere
//     and for ever (sim.order), unless one was moved by an op that had not seen
//     the other, and
//   - replicas with the same visible events show the same (sim.digests).

var errNoRoom = errors.New("no room")

func idOf(value string) string   { id, _, _ := strings.Cut(value, "'"); return id }
func baseOf(value string) string { base, _, _ := strings.Cut(value, "@"); return base }

// short leaves the ids out of values.
func short(values []string) (out []string) {
	for _, v := range values {
		_, mark, marked := strings.Cut(v, "'")
		if v = baseOf(v); marked {
			v += "'" + mark
		}
		out = append(out, v)
	}
	return out
}

func idsOf(names []string, event int) (ids []string) {
	for i, name := range names {
		ids = append(ids, fmt.Sprintf("%s@%d.%d", name, event, i))
	}
	return ids
}

// elements lists, sorted, the values that the visible events leave, and of the
// events that have made them the newest first.
func (h history) elements(mask uint64, key int) (out []string, newest []int) {
	note := func(x int) {
		if len(newest) == 0 || h[x].dot.Newer(h[newest[0]].dot) {
			newest = []int{x}
		}
	}
	for x := range h {
		e := &h[x]
		if mask>>x&1 == 0 || e.key != key || e.verb != vLpush && e.verb != vRpush && e.verb != vLinsert {
			continue
		}
		for _, id := range idsOf(e.names, x) {
			if h.isTaken(mask, x, "l"+id) {
				continue
			}
			note(x)
			value, set := id, -1
			for y := range h {
				if mask>>y&1 == 1 && h[y].verb == vLset && h[y].key == key && h[y].ids[0] == id && (set < 0 || h[y].dot.Newer(h[set].dot)) {
					value, set = fmt.Sprintf("%s'%d", id, y), y
				}
			}
			if set >= 0 {
				note(set)
			}
			out = append(out, value)
		}
	}
	slices.Sort(out)
	return out, newest
}

func (h history) isTaken(mask uint64, x int, area string) bool {
	for y := range h {
		if mask>>y&1 == 1 && h.takes(y, x, area) {
			return true
		}
	}
	return false
}

// slicesList is what the author of ev shows afterwards; nil if ev does not
// change a list.
func slicesList(shown []string, ev *event, x int) []string {
	want := slices.Clone(shown)
	switch ids := idsOf(ev.names, x); ev.verb {
	case vLpush:
		slices.Reverse(ids)
		want = append(ids, want...)
	case vRpush:
		want = append(want, ids...)
	case vLinsert:
		want = slices.Insert(want, insertAt(ev.index, len(want)), ids...)
	case vLset:
		want[slices.IndexFunc(want, func(v string) bool { return idOf(v) == ev.ids[0] })] = fmt.Sprintf("%s'%d", ev.ids[0], x)
	case vLrem:
		want = slices.DeleteFunc(want, func(v string) bool { return slices.Contains(ev.names, baseOf(v)) })
	case vLcut:
		want = slices.DeleteFunc(want, func(v string) bool { return slices.Contains(ev.ids, idOf(v)) })
	case vLroom:
	default:
		return nil
	}
	return want
}

// spans reports whether an lcut names what it removes by the ends.
func (a action) spans() bool { return a.index/7%2 == 1 }

// insertAt is where an insert goes into a list of n.
func insertAt(index, n int) int {
	if n == 0 {
		return 0
	}
	return 1 + (index+n-1)%n
}

// prepareList prepares an action on a list; 0: there is nothing to do.
func (s *sim) prepareList(n *node, l *List, op *Op, a action) (count int, err error) {
	shown := values(n.object(a.key))
	switch a.verb {
	case vLpush, vRpush:
		op.Kind = KindListPush
		l.PreparePush(op, n.id, a.verb == vLpush, list(idsOf(a.names, len(s.hist))))
		return 1, nil
	case vLinsert:
		op.Kind = KindListPush
		if !l.PrepareInsert(op, n.id, insertAt(a.index, l.Len()), []byte(idsOf(a.names, len(s.hist))[0])) {
			return 0, errNoRoom
		}
		return 1, nil
	case vLroom:
		op.Kind = KindListMove
		if l.Len() < 2 || !l.PrepareRoom(op, 1+a.index%(l.Len()-1)) {
			return 0, nil
		}
		for i := range op.Elems {
			p, _ := placeOf(op.Elems[i].Name, false)
			_, e, _ := l.named(p)
			s.ids = append(s.ids, idOf(string(e.value)))
		}
		return 1, nil
	case vLset:
		op.Kind = KindListSet
		at := slices.IndexFunc(shown, func(v string) bool { return baseOf(v) == a.names[0] })
		if at < 0 {
			return 0, nil
		}
		s.ids = []string{idOf(shown[at])}
		l.PrepareSet(op, at, fmt.Appendf(nil, "%s'%d", s.ids[0], len(s.hist)))
		return 1, nil
	case vLcut:
		op.Kind = KindListRemove
		if l.Len() == 0 {
			return 0, nil
		}
		i := a.index % l.Len()
		j := min(i+1+a.index%3, l.Len())
		for _, v := range shown[i:j] {
			s.ids = append(s.ids, idOf(v))
		}
		if a.spans() && l.Spans(op) && j-i < l.Len() {
			l.seeSpan(op, i, j)
			return 1, nil
		}
		l.PrepareRemove(op, i, j)
		return 1, nil
	}
	op.Kind = KindListRemove
	for i, v := range shown {
		if slices.Contains(a.names, baseOf(v)) {
			l.PrepareCut(op, i, i+1)
			count++
		}
	}
	if count > 0 && count == len(shown) {
		op.empty()
	}
	return count, nil
}

// checkOrder holds what a list shows against what lists have shown before.
func (s *sim) checkOrder(shown []string) error {
	for i, a := range shown {
		for _, b := range shown[i+1:] {
			a, b := idOf(a), idOf(b)
			if s.order[[2]string{b, a}] && !s.hist.mayTurn(a, b) {
				return fmt.Errorf("%s stands before %s in %q, elsewhere behind it", a, b, shown)
			}
			s.order[[2]string{a, b}] = true
		}
	}
	return nil
}

// mayTurn reports whether an op has moved one of two elements and not seen the
// other.
func (h history) mayTurn(a, b string) bool {
	seen := func(e *event, id string) bool {
		var x int
		if _, err := fmt.Sscanf(id[strings.IndexByte(id, '@'):], "@%d.", &x); err != nil {
			panic(err)
		}
		return e.seen>>x&1 == 1
	}
	for x := range h {
		if e := &h[x]; e.verb == vLroom && (slices.Contains(e.ids, a) && !seen(e, b) || slices.Contains(e.ids, b) && !seen(e, a)) {
			return true
		}
	}
	return false
}
