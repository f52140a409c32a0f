package command

import (
	"slices"
	"strconv"

	"crdb/crdt"
	"crdb/resp"
)

// ascending puts members of sets into the order in which Redis replies them where it
// keeps a set of integers as an intset: few of them, and nothing else.
type ascending struct {
	ints  []int64
	room  int // how many there may be
	other bool
}

func (c *Context) ascending() ascending {
	return ascending{room: int(c.Server.config.Int("set-max-intset-entries"))}
}

// note takes a member that has been replied.
func (a *ascending) note(member []byte) {
	if a.other {
		return
	}
	n, ok := crdt.ParseInt(member)
	if a.other = !ok || len(a.ints) >= a.room; !a.other {
		a.ints = append(a.ints, n)
	}
}

// sorted returns all that was noted, in order, or nothing if it is not of that kind.
func (a *ascending) sorted() []int64 {
	if a.other {
		return nil
	}
	slices.Sort(a.ints)
	return a.ints
}

// rewrite replies the members anew, in order, if that is called for. They are all
// that is behind start.
func (a *ascending) rewrite(w *resp.Writer, start int) {
	var digits [20]byte
	for i, n := range a.sorted() {
		if i == 0 {
			w.Buf = w.Buf[:start]
		}
		w.Bulk(strconv.AppendInt(digits[:0], n, 10))
	}
}

// eachInOrder calls fn for the members of a set, in order if they have one, until it
// says false.
func (c *Context) eachInOrder(key []byte, fn func(member []byte) bool) error {
	order := c.ascending()
	err := c.Tx.SetEach(key, func(member []byte) bool {
		order.note(member)
		return !order.other
	})
	switch {
	case err != nil:
		return err
	case order.other:
		return c.Tx.SetEach(key, fn)
	}
	for _, n := range order.sorted() {
		if !fn(strconv.AppendInt(nil, n, 10)) {
			break
		}
	}
	return nil
}
