package command

import (
	"slices"

	"crdb/engine"
)

// looks says which lookups of keys are hits and misses in INFO: as in Redis, those of
// the keys that a command reads, each once, however often we look.
type looks uint8

const (
	looksNone  looks = iota // it writes, and looks for that
	looksFirst              // it reads one key
	looksEach               // it looks as often as Redis does
	looksAhead              // it reads several keys, and looks at them many times
)

// looksAsRedis are the commands that look at several keys as often as Redis does.
var looksAsRedis = map[string]bool{
	"bitop": true, "copy": true, "exists": true, "lcs": true, "mget": true, "pfcount": true, "pfmerge": true, "sort": true, "sort_ro": true, "touch": true,
}

// howToCount derives looks from the rest of the table.
func (c *Command) howToCount() looks {
	switch {
	case c.Flags&ReadOnly == 0 && !missWriters[c.Name] || c.Flags&RunsScript != 0 || !c.hasKeys():
		return looksNone
	case looksAsRedis[c.Name]:
		return looksEach
	case c.Keys != nil || c.Flags&MovableKeys != 0 || c.LastKey != c.FirstKey:
		return looksAhead
	}
	return looksFirst
}

// run runs the handler of the command; its keys are locked.
func (c *Context) run() {
	switch c.Cmd.looks {
	case looksNone:
		c.Tx.Count(engine.LooksNone)
	case looksFirst:
		c.Tx.Count(engine.LooksFirst)
	case looksEach:
		c.Tx.Count(engine.LooksEach)
	case looksAhead:
		c.lookAhead()
	}
	c.Cmd.Handler(c)
}

// lookAhead counts the keys that the command reads; what it looks up after that does
// not count.
func (c *Context) lookAhead() {
	s := c.S
	refs, _ := c.Cmd.keyRefs(s.refs[:0], c.Args)
	s.refs = refs
	for _, r := range refs {
		if r.spec != nil && slices.Contains(r.spec.Flags, "RO") {
			c.Tx.CountOne(c.Args[r.index])
		}
	}
	c.Tx.Count(engine.LooksNone)
}
