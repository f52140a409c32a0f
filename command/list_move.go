package command

import "math"

// argEnd reads argument i as LEFT or RIGHT.
func (c *Context) argEnd(i int) (left, ok bool) {
	left = isOption(c.Args[i], "left")
	if !left && !isOption(c.Args[i], "right") {
		c.Out.Error(msgSyntax)
		return false, false
	}
	return left, true
}

func (c *Context) argEnds(i int) (from, to, ok bool) {
	if from, ok = c.argEnd(i); ok {
		to, ok = c.argEnd(i + 1)
	}
	return from, to, ok
}

func listMove(c *Context) {
	if from, to, ok := c.argEnds(3); ok && !c.tryMove(from, to) {
		c.Out.Null()
	}
}

func listRotate(c *Context) {
	if !c.tryMove(false, true) {
		c.Out.Null()
	}
}

// tryMove moves an element if there is one.
func (c *Context) tryMove(from, to bool) (done bool) {
	v, ok, err := c.Tx.ListMove(c.Args[1], c.Args[2], from, to)
	if err != nil {
		if _, source := c.Tx.ListLen(c.Args[1]); source != nil && c.again() {
			return false
		}
		c.Error(err)
		return true
	}
	if ok {
		c.event(evList, pushEvent(to), c.Args[2])
		c.eventRemoval(evList, popEvent(from), c.Args[1])
		c.Out.Bulk(v)
	}
	return ok
}

func listBlockMove(c *Context) {
	if from, to, ok := c.argEnds(3); ok {
		c.blockMove(5, from, to)
	}
}

func listBlockRotate(c *Context) { c.blockMove(3, false, true) }

func (c *Context) blockMove(timeoutAt int, from, to bool) {
	timeout, ok := c.timeoutSeconds(timeoutAt)
	if !ok {
		return
	}
	w := keyWait{keys: c.Args[1:2], timeout: timeout, try: func(c *Context) bool { return c.tryMove(from, to) }}
	if c.S.mode&modeExec != 0 {
		w.timeUp = func(c *Context) { c.Out.Null() }
	}
	c.blockOnKeys(w)
}

func listBlockPopLeft(c *Context)  { c.blockPop(true) }
func listBlockPopRight(c *Context) { c.blockPop(false) }

func (c *Context) blockPop(left bool) {
	last := len(c.Args) - 1
	timeout, ok := c.timeoutSeconds(last)
	if !ok {
		return
	}
	c.blockOnKeys(keyWait{keys: c.Args[1:last], timeout: timeout, try: func(c *Context) bool {
		key, _, done := c.firstList(c.Args[1 : len(c.Args)-1])
		if key != nil {
			c.Out.Array(2)
			c.Out.Bulk(key)
			c.popElements(key, left, 1)
		}
		return done
	}})
}

// firstList returns the first of the keys that has elements. done without a key
// means that an error is replied: a key of another type, at the first try.
func (c *Context) firstList(keys [][]byte) (key []byte, size int, done bool) {
	for _, key := range keys {
		if c.passes(key) {
			continue
		}
		size, err := c.Tx.ListLen(key)
		if err != nil && !c.again() {
			c.Error(err)
			return nil, 0, true
		}
		if size > 0 {
			return key, size, true
		}
	}
	return nil, 0, false
}

// mpop is what LMPOP and BLMPOP ask for.
type mpop struct {
	keys  [2]int // indexes of the arguments, from and to
	left  bool
	count int64
}

// argMPop reads from the number of keys on, at argument i.
func (c *Context) argMPop(i int) (m mpop, ok bool) {
	n, ok := c.argRange(i, 1, math.MaxInt64, "ERR numkeys should be greater than 0")
	if !ok {
		return m, false
	}
	if n >= int64(len(c.Args)-i-1) {
		c.Out.Error(msgSyntax)
		return m, false
	}
	m.keys = [2]int{i + 1, i + 1 + int(n)}
	if m.left, ok = c.argEnd(m.keys[1]); !ok {
		return m, false
	}
	for j := m.keys[1] + 1; j < len(c.Args); j += 2 {
		if m.count != 0 || j+1 == len(c.Args) || !isOption(c.Args[j], "count") {
			c.Out.Error(msgSyntax)
			return m, false
		}
		if m.count, ok = c.argRange(j+1, 1, math.MaxInt64, "ERR count should be greater than 0"); !ok {
			return m, false
		}
	}
	m.count = max(m.count, 1)
	return m, true
}

func (m mpop) try(c *Context) bool {
	key, size, done := c.firstList(c.Args[m.keys[0]:m.keys[1]])
	if key != nil {
		c.Out.Array(2)
		c.Out.Bulk(key)
		c.Out.Array(int(min(m.count, int64(size))))
		c.popElements(key, m.left, m.count)
	}
	return done
}

func listMPop(c *Context) {
	if m, ok := c.argMPop(1); ok && !m.try(c) {
		c.Out.NullArray()
	}
}

func listBlockMPop(c *Context) {
	m, ok := c.argMPop(2)
	if !ok {
		return
	}
	timeout, ok := c.timeoutSeconds(1)
	if !ok {
		return
	}
	c.blockOnKeys(keyWait{keys: c.Args[m.keys[0]:m.keys[1]], timeout: timeout, try: m.try})
}
