package command

import "strings"

// locking says how dispatch locks for a command on its own.
type locking uint8

const (
	lockNone  locking = iota // no keys, or a command that locks as it walks
	lockFirst                // the one key at FirstKey
	lockRange                // FirstKey, LastKey, KeyStep
	lockSpecs                // by Keys or KeySpecs
	lockEvery                // the whole keyspace
)

// Table is the set of commands a server knows. It never changes once built.
type Table struct {
	byName map[string]*Command // top level, lower case
	all    []*Command          // with subcommands, by index
	top    []*Command          // top level, by name
	words  *aclWords           // what ACL rules may name
}

// newTable completes the families' commands with the facts and links
// subcommands to their containers. A mistake in a family panics.
func newTable(families ...[]*Command) *Table {
	t := &Table{byName: make(map[string]*Command, 256)}
	known := loadFacts()
	for _, family := range families {
		for _, tmpl := range family {
			t.add(*tmpl, known, nil)
		}
	}
	t.words = newACLWords(t, known)
	return t
}

// add takes a copy, so that several tables may be built from the same families.
func (t *Table) add(c Command, known map[string]*facts, parent *Command) *Command {
	cmd := &c
	cmd.complete(known[cmd.Name])
	cmd.index, cmd.parent = len(t.all), parent
	t.all = append(t.all, cmd)
	if parent == nil {
		if t.byName[cmd.Name] != nil {
			panic("command: " + cmd.Name + " is there twice")
		}
		t.byName[cmd.Name] = cmd
		t.top = append(t.top, cmd)
	}
	subs := cmd.Subcommands
	cmd.Subcommands = nil
	for _, s := range subs {
		sub := t.add(*s, known, cmd)
		if cmd.subs == nil {
			cmd.subs = make(map[string]*Command)
		}
		_, word, _ := strings.Cut(sub.Name, "|")
		cmd.subs[word] = sub
		cmd.Subcommands = append(cmd.Subcommands, sub)
	}
	return cmd
}

// complete fills what the family left open from the facts.
func (c *Command) complete(f *facts) {
	if f != nil {
		c.Flags |= f.Flags
		c.Categories |= f.Categories
		if c.Arity == 0 {
			c.Arity = f.Arity
		}
		if c.KeySpecs == nil && c.FirstKey == 0 {
			c.KeySpecs = f.KeySpecs
			c.FirstKey, c.LastKey, c.KeyStep = f.FirstKey, f.LastKey, f.KeyStep
		}
		if c.Tips == nil {
			c.Tips = f.Tips
		}
		c.Group, c.Since = first(c.Group, f.Group), first(c.Since, f.Since)
		c.Complexity = first(c.Complexity, f.Complexity)
		c.docFlags, c.deprecated, c.replacedBy, c.syntax = f.docFlags, f.deprecated, f.replacedBy, f.syntax
	}
	if c.Arity == 0 {
		panic("command: " + c.Name + " has no arity and no facts")
	}
	c.locks = c.howToLock()
	c.looks = c.howToCount()
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func (c *Command) howToLock() locking {
	switch {
	case c.Flags&AnyKeys != 0:
		return lockEvery
	case c.Flags&WholeKeyspace != 0 || !c.hasKeys():
		return lockNone
	case c.Keys != nil || c.Flags&MovableKeys != 0:
		return lockSpecs
	case c.FirstKey == c.LastKey && c.Flags&OtherDB == 0: // MOVE makes two ops: one group
		return lockFirst
	default:
		return lockRange
	}
}

// maxName is the longest name worth looking up.
const maxName = 32

// lookup finds a command by its name in any case, without allocating.
func (t *Table) lookup(name []byte) *Command { return find(t.byName, name) }

// sub finds the subcommand of c by its word in any case.
func (c *Command) sub(word []byte) *Command { return find(c.subs, word) }

func find(m map[string]*Command, name []byte) *Command {
	var buf [maxName]byte
	if len(name) > maxName {
		return nil
	}
	for i, b := range name {
		if 'A' <= b && b <= 'Z' {
			b |= 0x20
		}
		buf[i] = b
	}
	return m[string(buf[:len(name)])]
}

// arityOK reports whether a command line of n arguments has the right length.
func (c *Command) arityOK(n int) bool {
	if c.Arity < 0 {
		return n >= -c.Arity
	}
	return n == c.Arity
}

// flag names in the words of COMMAND INFO.
func (c *Command) flagWords() []string { return namesOf(flagNames, uint32(c.Flags)) }

func (c *Command) categoryWords() []string { return namesOf(categoryNames, uint32(c.Categories)) }
