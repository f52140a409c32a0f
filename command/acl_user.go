package command

import (
	"crypto/sha256"
	"maps"
	"slices"
	"sync/atomic"
)

// user is a name that clients log in with. What it may do is replaced as a
// whole; sessions notice by the version of the aclUsers.
type user struct {
	name    string
	rights  atomic.Pointer[rights]
	deleted atomic.Bool
}

// sanitizing is which of the two words about RESTORE payloads was said last.
// Payloads are always checked; the words are kept because ACL LIST shows them.
type sanitizing uint8

const (
	sanitizeUnsaid sanitizing = iota
	sanitizeSkip
	sanitizeDo
)

// rights are what a user may do, and how it proves who it is. They are
// immutable once they belong to a user. The first selector is the user's own.
type rights struct {
	on        bool
	noPass    bool
	sanitize  sanitizing
	passwords []string // SHA-256, hexadecimal
	selectors []*selector
}

// permission is what a command does to a key: its bits are also those of a
// pattern, %R~ and %W~.
type permission uint8

const (
	mayRead permission = 1 << iota
	mayWrite
)

// keyPattern allows access to the keys that match.
type keyPattern struct {
	glob string
	may  permission
}

// selector is one set of commands, keys and channels. A command may run if one
// selector allows all of it.
type selector struct {
	all         bool  // every command: the bits need not be looked at
	future      bool  // commands yet to come, too: +@all was said
	commands    idSet // by id
	firstArgs   map[int][]string
	allKeys     bool
	keys        []keyPattern
	allChannels bool
	channels    []string
}

// idSet is a set of command ids.
type idSet []uint64

func (b idSet) has(id int) bool { return id>>6 < len(b) && b[id>>6]>>(id&63)&1 != 0 }

func (b idSet) set(id int, on bool) {
	if on {
		b[id>>6] |= 1 << (id & 63)
	} else {
		b[id>>6] &^= 1 << (id & 63)
	}
}

func newSelector(w *aclWords, allChannels bool) *selector {
	return &selector{commands: make(idSet, len(w.byName)/64+1), allChannels: allChannels}
}

// newRights are those of a user just made: off, and allowed nothing.
func newRights(w *aclWords, allChannels bool) *rights {
	return &rights{selectors: []*selector{newSelector(w, allChannels)}}
}

func (r *rights) clone() *rights {
	c := *r
	c.passwords = slices.Clone(r.passwords)
	c.selectors = make([]*selector, len(r.selectors))
	for i, s := range r.selectors {
		c.selectors[i] = s.clone()
	}
	return &c
}

func (s *selector) clone() *selector {
	c := *s
	c.commands, c.keys, c.channels = slices.Clone(s.commands), slices.Clone(s.keys), slices.Clone(s.channels)
	c.firstArgs = maps.Clone(s.firstArgs)
	for id, list := range c.firstArgs {
		c.firstArgs[id] = slices.Clone(list)
	}
	return &c
}

// unlimited reports whether the user may do everything: then no command of its
// sessions is looked at.
func (r *rights) unlimited() bool {
	for _, s := range r.selectors {
		if s.all && s.allKeys && s.allChannels {
			return true
		}
	}
	return false
}

// hashPassword is how passwords are kept: SHA-256 in hexadecimal, as Redis
// does, so that ACL files can be moved.
func hashPassword(pass []byte) string {
	const hex = "0123456789abcdef"
	sum := sha256.Sum256(pass)
	out := make([]byte, 0, 2*len(sum))
	for _, b := range sum {
		out = append(out, hex[b>>4], hex[b&15])
	}
	return string(out)
}
