package command

import (
	"bytes"
	"cmp"
	"math"
	"slices"

	"crdb/engine"
)

// sortOptions are the options of SORT.
type sortOptions struct {
	by, store    []byte
	get          [][]byte
	asIs         bool // BY without a pattern: no order but the key's own
	desc, alpha  bool
	start, count int64
}

// sortItem is an element and what it is sorted by.
type sortItem struct {
	value  []byte
	weight []byte // ALPHA; nil: none
	score  float64
}

func keySort(c *Context)   { runSort(c, false) }
func keySortRO(c *Context) { runSort(c, true) }

// firstKeyOnly is where SORT_RO has its key.
func firstKeyOnly([][]byte) ([]int, error) { return []int{1}, nil }

// sortKeys finds the key and the last target of STORE.
func sortKeys(args [][]byte) ([]int, error) {
	keys, store := []int{1}, 0
	for i := 2; i < len(args); i++ {
		switch left := len(args) - i - 1; {
		case isOption(args[i], "limit"):
			i += 2
		case isOption(args[i], "get") || isOption(args[i], "by"):
			i++
		case isOption(args[i], "store") && left >= 1:
			i++
			store = i
		}
	}
	if store > 0 {
		keys = append(keys, store)
	}
	return keys, nil
}

func parseSort(c *Context, readOnly bool) (o sortOptions, ok bool) {
	o.count = -1
	for i := 2; i < len(c.Args); i++ {
		arg, left := c.Args[i], len(c.Args)-i-1
		by := isOption(arg, "by") && left >= 1
		switch {
		case isOption(arg, "asc"):
			o.desc = false
		case isOption(arg, "desc"):
			o.desc = true
		case isOption(arg, "alpha"):
			o.alpha = true
		case isOption(arg, "limit") && left >= 2:
			if o.start, ok = c.argInt(i + 1); !ok {
				return o, false
			}
			if o.count, ok = c.argInt(i + 2); !ok {
				return o, false
			}
			i += 2
		case !readOnly && isOption(arg, "store") && left >= 1:
			i++
			o.store = c.Args[i]
		case by || isOption(arg, "get") && left >= 1:
			i++
			pattern := c.Args[i]
			plain := by && bytes.IndexByte(cString(pattern), '*') < 0
			o.asIs = o.asIs || plain // whatever BY comes behind it, as in Redis
			if !plain && !c.S.who.rights.readsEverything(c.Cmd, c.Args) {
				c.Out.Error("ERR " + map[bool]string{true: "BY", false: "GET"}[by] +
					" option of SORT denied due to insufficient ACL permissions.")
				return o, false
			}
			if by {
				o.by = pattern
			} else {
				o.get = append(o.get, pattern)
			}
		default:
			c.Out.Error(msgSyntax)
			return o, false
		}
	}
	return o, true
}

func runSort(c *Context, readOnly bool) {
	o, ok := parseSort(c, readOnly)
	if !ok {
		return
	}
	key := c.Args[1]
	typ := c.typeOf(key)
	if typ == engine.TypeSet && o.asIs && (o.store != nil || c.inScript()) {
		o.asIs, o.alpha, o.by = false, true, nil // the same in every region, and each time a script runs
	}
	values, err := sortValues(c, key, typ, o)
	if err != nil {
		c.Error(err)
		return
	}
	if o.asIs {
		replySort(c, values, o)
		return
	}
	start := min(max(o.start, 0), int64(len(values)))
	end := int64(len(values))
	if o.count >= 0 {
		end = min(end, start+min(o.count, end))
	}
	if !sortByWeight(c, values, o) {
		c.Out.Error("ERR One or more scores can't be converted into double")
		return
	}
	replySort(c, values[start:end], o)
}

// sortValues copies the elements, in their own order, or backwards if that is
// what DESC means. If nothing is to be sorted it takes only those of LIMIT.
func sortValues(c *Context, key []byte, typ engine.Type, o sortOptions) (items []sortItem, err error) {
	skip, most := int64(0), int64(-1)
	if o.asIs {
		skip, most = max(o.start, 0), max(o.count, -1)
	}
	add := func(v []byte) bool {
		if skip > 0 {
			skip--
			return true
		}
		if int64(len(items)) == most {
			return false
		}
		items = append(items, sortItem{value: append([]byte{}, v...)})
		return true
	}
	switch typ {
	case engine.TypeNone:
	case engine.TypeList:
		if o.asIs && o.desc {
			n, err := c.Tx.ListLen(key)
			if err != nil {
				return nil, err
			}
			return items, c.Tx.ListEachBack(key, n-1, add)
		}
		err = c.Tx.ListEach(key, 0, add)
	case engine.TypeSet:
		err = c.eachInOrder(key, add)
	case engine.TypeZSet:
		var n int
		if n, err = c.Tx.ZSetLen(key); err == nil {
			err = c.Tx.ZSetRange(key, 0, n, o.asIs && o.desc, func(m []byte, _ float64) bool { return add(m) })
		}
	default:
		err = engine.ErrWrongType
	}
	return items, err
}

// sortByWeight orders the items. False means that a weight is no number.
func sortByWeight(c *Context, items []sortItem, o sortOptions) bool {
	ok := true
	for i := range items {
		it := &items[i]
		weight := it.value
		if o.by != nil {
			if weight = sortLookup(c, o.by, it.value); weight == nil {
				continue
			}
		}
		if o.alpha {
			it.weight = bytes.Clone(weight) // what BY has looked up does not stay
			continue
		}
		var valid bool
		it.score, valid = sortScore(weight)
		ok = ok && valid
	}
	order := make([]int32, len(items)) // places are moved, not items: those are large
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(i, j int32) int {
		d := o.compare(&items[i], &items[j])
		if o.desc {
			d = -d
		}
		return cmp.Or(d, cmp.Compare(i, j))
	})
	sorted := make([]sortItem, len(items))
	for i, at := range order {
		sorted[i] = items[at]
	}
	copy(items, sorted)
	return ok
}

// compare compares two items by their weights.
func (o *sortOptions) compare(a, b *sortItem) int {
	switch {
	case o.alpha && (a.weight == nil || b.weight == nil): // what BY has not found comes before what is empty
		return cmp.Compare(found(a.weight), found(b.weight))
	case o.alpha && o.store == nil:
		return bytes.Compare(cString(a.weight), cString(b.weight))
	case o.alpha:
		return bytes.Compare(a.weight, b.weight)
	case a.score != b.score: // neither is NaN
		if a.score < b.score {
			return -1
		}
		return 1
	}
	return bytes.Compare(a.value, b.value)
}

func found(weight []byte) int {
	if weight == nil {
		return 0
	}
	return 1
}

// minNormal is the least double that has all its digits.
const minNormal = 0x1p-1022

// sortScore reads a weight as strtod does: nothing at all is 0, and blanks may
// lead. A number too small for all its digits is none: to strtod it is out of range.
func sortScore(b []byte) (float64, bool) {
	b = bytes.TrimLeft(cString(b), " \t\n\v\f\r")
	if len(b) == 0 {
		return 0, true
	}
	f, ok := parseFloat(b)
	return f, ok && (f == 0 || math.Abs(f) >= minNormal)
}

// sortLookup returns what a pattern of BY or GET leads to for an element: "#"
// is itself, "*" in the name of a key stands for it, "->" leads to a field of a
// hash. The result is nil if there is nothing.
func sortLookup(c *Context, pattern, element []byte) []byte {
	if len(pattern) > 0 && pattern[0] == '#' && len(cString(pattern)) == 1 {
		return element
	}
	star := bytes.IndexByte(cString(pattern), '*')
	if star < 0 {
		return nil
	}
	tail, field := pattern[star+1:], []byte(nil)
	if at := bytes.Index(cString(tail), []byte("->")); at >= 0 && at+2 < len(tail) && tail[at+2] != 0 {
		tail, field = tail[:at], tail[at+2:]
	}
	key := append(append(append([]byte(nil), pattern[:star]...), element...), tail...)
	var val []byte
	var ok bool
	var err error
	if field != nil {
		val, ok, err = c.Tx.HashGet(key, field)
	} else {
		val, ok, err = c.Tx.Get(key)
	}
	switch {
	case !ok || err != nil:
		return nil
	case val == nil:
		return []byte{}
	}
	return val
}

// replySort writes or stores the items, or what GET makes of them.
func replySort(c *Context, items []sortItem, o sortOptions) {
	if o.store == nil {
		c.Out.Array(len(items) * max(1, len(o.get)))
	}
	var stored [][]byte
	put := func(v []byte) {
		switch {
		case o.store != nil:
			stored = append(stored, append([]byte(nil), v...))
		case v == nil:
			c.Out.Null()
		default:
			c.Out.Bulk(v)
		}
	}
	for i := range items {
		if len(o.get) == 0 {
			put(items[i].value)
		}
		for _, pattern := range o.get {
			put(sortLookup(c, pattern, items[i].value))
		}
	}
	if o.store == nil {
		return
	}
	was := c.Tx.Replace(o.store, func() error {
		if len(stored) == 0 {
			return nil
		}
		_, err := c.Tx.ListPush(o.store, false, stored)
		return err
	})
	c.eventStore(evList, "sortstore", o.store, len(stored), was)
	c.Out.Int(int64(len(stored)))
}
