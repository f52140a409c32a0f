package command

import (
	"bytes"
	"errors"
)

// Errors of key extraction: COMMAND GETKEYS replies them.
var (
	errNoKeys      = errors.New("ERR The command has no key arguments")
	errBadKeyArgs  = errors.New("ERR Invalid arguments specified for command")
	errKeyArity    = errors.New("ERR Invalid number of arguments specified for command")
	errBadKeyUsage = errors.New("ERR Invalid command specified")
)

// keyRef is one key of a command line: its index and the KeySpec that found it.
type keyRef struct {
	index int
	spec  *KeySpec
}

// keyRefs appends where the keys of args are. An error means that the
// arguments do not make sense; the handler will say so in its own words.
func (c *Command) keyRefs(dst []keyRef, args [][]byte) ([]keyRef, error) {
	if c.Keys != nil {
		idx, err := c.Keys(args)
		for _, i := range idx {
			dst = append(dst, keyRef{i, c.specFor(i)})
		}
		return dst, err
	}
	for i := range c.KeySpecs {
		var err error
		if c.KeySpecs[i].notKey {
			continue
		}
		if dst, err = c.KeySpecs[i].find(dst, args); err != nil {
			return dst, err
		}
	}
	if c.oddNumber(args) {
		for i := range dst {
			dst[i].spec = nil
		}
	}
	return dst, nil
}

// oddNumber reports whether the number of keys is one only to atoi ("1.5"):
// then Redis finds the keys, but does not know what is done to them.
func (c *Command) oddNumber(args [][]byte) bool {
	for i := range c.KeySpecs {
		k := &c.KeySpecs[i]
		if k.Find.Type != "keynum" {
			continue
		}
		if first, ok := k.begin(args); ok {
			_, isInt := parseInt(args[first+k.Find.NumIndex])
			return !isInt
		}
	}
	return false
}

// hasKeys reports whether command lines of c name keys.
func (c *Command) hasKeys() bool {
	for i := range c.KeySpecs {
		if !c.KeySpecs[i].notKey {
			return true
		}
	}
	return c.Keys != nil
}

// specFor names the spec to blame for a key found by Keys: the one that begins
// at it, else the last that says nothing of where its keys are (SORT's STORE),
// else the first.
func (c *Command) specFor(index int) *KeySpec {
	for i := range c.KeySpecs {
		if c.KeySpecs[i].Begin.Index == index {
			return &c.KeySpecs[i]
		}
	}
	for i := len(c.KeySpecs) - 1; i >= 0; i-- {
		if b := &c.KeySpecs[i].Begin; b.Index == 0 && b.Keyword == "" {
			return &c.KeySpecs[i]
		}
	}
	if len(c.KeySpecs) > 0 {
		return &c.KeySpecs[0]
	}
	return nil
}

// find appends the keys that the spec finds in args.
func (k *KeySpec) find(dst []keyRef, args [][]byte) ([]keyRef, error) {
	first, ok := k.begin(args)
	if !ok {
		return dst, nil
	}
	var last, step int
	switch k.Find.Type {
	case "range":
		step = k.Find.KeyStep
		last = first + k.Find.LastKey
		if k.Find.LastKey < 0 {
			last = len(args) + k.Find.LastKey
			if k.Find.Limit > 1 {
				last = first + (len(args)-first)/k.Find.Limit - 1
			}
		}
	case "keynum":
		at := first + k.Find.NumIndex
		if at >= len(args) {
			return dst, errBadKeyArgs
		}
		n := leadingInt(args[at])
		if n < 1 || n > len(args) {
			return dst, errBadKeyArgs
		}
		step = k.Find.KeyStep
		first += k.Find.FirstKey
		last = first + (n-1)*step
	default:
		return dst, nil
	}
	if last >= len(args) {
		return dst, errBadKeyArgs
	}
	for i := first; i <= last; i += step {
		dst = append(dst, keyRef{i, k})
	}
	return dst, nil
}

// leadingInt reads the number that b begins with, as Redis does here (with
// atoi): the handler judges the number itself. None is 0; too large, or with a
// minus, is below 1.
func leadingInt(b []byte) int {
	b, n := bytes.TrimPrefix(bytes.TrimLeft(b, " \t\n\v\f\r"), []byte("+")), 0
	for _, ch := range b {
		if !isDigit(ch) {
			break
		}
		if n = n*10 + int(ch-'0'); n > maxArgs {
			return -1
		}
	}
	return n
}

// begin returns the index the search starts at.
func (k *KeySpec) begin(args [][]byte) (int, bool) {
	if k.Begin.Index > 0 {
		return k.Begin.Index, k.Begin.Index < len(args)
	}
	if k.Begin.Keyword == "" {
		return 0, false
	}
	start, step := k.Begin.StartFrom, 1
	if start < 0 {
		start, step = len(args)+start, -1
	}
	for i := start; i > 0 && i < len(args)-1; i += step {
		if equalFold(args[i], k.Begin.Keyword) {
			return i + 1, true
		}
	}
	return 0, false
}

// equalFold compares an argument with an ASCII word in any case, without
// allocating.
func equalFold(arg []byte, word string) bool {
	if len(arg) != len(word) {
		return false
	}
	for i := range arg {
		a, b := arg[i], word[i]
		if a == b {
			continue
		}
		if a|0x20 != b|0x20 || a|0x20 < 'a' || a|0x20 > 'z' {
			return false
		}
	}
	return true
}
