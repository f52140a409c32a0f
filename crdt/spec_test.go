package crdt

import (
	"fmt"
	"maps"
	"math/big"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// The spec: what a key shows is a pure function of the visible events, each
// with the set of events that its author had seen. It knows no vectors, shares
// or records; it asks, for everything an event has brought, whether a visible
// event that had seen it took it away.

// verb is what a client asked for.
type verb string

const (
	vPut     verb = "put"
	vDel     verb = "del"
	vIncr    verb = "incr"
	vExpire  verb = "expire"
	vSadd    verb = "sadd"
	vSrem    verb = "srem"
	vHset    verb = "hset"
	vHdel    verb = "hdel"
	vHincr   verb = "hincr"
	vHexpire verb = "hexpire"
	vFlush   verb = "flush"
	vLpush   verb = "lpush"
	vRpush   verb = "rpush"
	vLinsert verb = "linsert" // at an index
	vLset    verb = "lset"    // marks the first element with a name
	vLrem    verb = "lrem"    // marked or not
	vLcut    verb = "lcut"    // removes elements by index
	vLroom   verb = "lroom"   // moves elements, which nobody sees
	vXadd    verb = "xadd"
	vXdel    verb = "xdel"
	vXcut    verb = "xcut" // removes entries by the first and the last ID
	vXgroup  verb = "xgroup"
	vXdrop   verb = "xdrop"
	vZadd    verb = "zadd"
	vZrem    verb = "zrem"
	vZincr   verb = "zincr"
	vPfadd   verb = "pfadd"
)

// action is one write of a client.
type action struct {
	verb  verb
	key   int
	names []string // members or fields
	text  string   // put, hset: value; incr, hincr: amount
	float bool     // incr, hincr: INCRBYFLOAT
	keep  bool     // put: KEEPTTL
	at    int64    // put, expire, hexpire: deadline
	index int      // linsert, lroom: before which element; lcut: the first
}

func (a action) String() string {
	return fmt.Sprintf("%s k%d %s %q float=%v keep=%v at=%d index=%d", a.verb, a.key, a.names, a.text, a.float, a.keep, a.at, a.index)
}

// event is an action that has happened.
type event struct {
	action
	dot     Dot
	seen    uint64 // the events its author had seen
	created bool   // the key did not show at the author
	epoch   int    // pfadd: the event that created the epoch it names
	emptied bool   // srem, hdel: nothing stayed behind at the author
	fresh   bool   // hincr: the field did not show at the author

	ids  []string // lset, lcut, lroom: the elements
	list []string // what the author must show afterwards
}

// history is all events so far; a mask of bits selects some of them.
type history []event

// An area is what an event brings or takes: "string", "set"+member,
// "hash"+field, "time"+field (its deadline), "deadline".

// takes reports whether y takes what x has brought to the area.
func (h history) takes(y, x int, area string) bool {
	e := &h[y]
	if e.seen>>x&1 == 0 || e.verb != vFlush && e.key != h[x].key {
		return false
	}
	kind, name := area[:1], area[1:]
	own := map[verb]string{vPut: "s", vIncr: "s", vSadd: "m", vSrem: "m", vHset: "h", vHdel: "h", vHincr: "h", vHexpire: "h", vZadd: "z", vZrem: "z", vZincr: "z", vLpush: "l", vRpush: "l", vLinsert: "l", vLset: "l", vLrem: "l", vLcut: "l", vLroom: "l", vPfadd: "p", vXadd: "x", vXdel: "x", vXcut: "x", vXgroup: "x", vXdrop: "x"}[e.verb]
	switch {
	case e.verb == vDel || e.verb == vFlush || e.emptied:
		return true
	case e.verb == vExpire:
		return kind == "d"
	case kind == "d":
		return e.verb == vPut && (!e.keep || e.created) || e.created
	case kind == "t" && own == "h":
		return slices.Contains(e.names, name) && (e.verb != vHincr || e.fresh)
	case kind != own || e.verb == vPut:
		return true // a write through the visible type takes what it saw of the hidden ones
	case e.verb == vXadd || e.verb == vXgroup:
		return name == "m" && (e.verb == vXadd || e.created)
	case e.verb == vPfadd || e.verb == vIncr || e.verb == vHincr || e.verb == vHexpire || e.verb == vZincr || own == "l" && e.verb != vLrem && e.verb != vLcut:
		return false
	case e.verb == vLcut:
		return slices.Contains(e.ids, name)
	case own == "l":
		name = baseOf(name)
	}
	return slices.Contains(e.names, name)
}

// live lists the visible events that brought something to the area of a key
// and still count, newest dot first.
func (h history) live(mask uint64, key int, area string, verbs ...verb) (out []int) {
	for x := range h {
		e := &h[x]
		if mask>>x&1 == 0 || e.key != key || !h.brings(e, area, verbs) {
			continue
		}
		gone, brought := false, x
		if area == "p" {
			brought = e.epoch // goes with its epoch
		}
		for y := range h {
			gone = gone || mask>>y&1 == 1 && h.takes(y, brought, area)
		}
		if !gone {
			out = append(out, x)
		}
	}
	sort.Slice(out, func(i, j int) bool { return h[out[i]].dot.Newer(h[out[j]].dot) })
	return out
}

func (h history) brings(e *event, area string, verbs []verb) bool {
	if area == "d" {
		return e.verb == vExpire || e.verb == vPut && (!e.keep || e.created) ||
			e.created && slices.Contains([]verb{vIncr, vSadd, vHset, vHincr, vZadd, vZincr, vLpush, vRpush, vLinsert, vPfadd, vXadd, vXgroup}, e.verb)
	}
	if area == "xm" { // a stream's mark
		return e.verb == vXadd || e.verb == vXgroup && e.created
	}
	return slices.Contains(verbs, e.verb) && (area == "s" || area == "p" || slices.Contains(e.names, area[1:]))
}

// view is what a replica that has seen some events knows of one key.
type view struct {
	typ    Type
	str    string            // if it has a string
	hasStr bool              //
	set    []string          // sorted
	hash   map[string]string //
	times  map[string]int64  // field -> deadline, if it has one
	zset   map[string]string // member -> score
	hll    Sketch            //
	stream []string          // sorted: "m", entries and groups, each as often as it is live
	list   []string          // sorted: for order see list_spec_test.go
	at     int64             // the deadline that counts
}

// view evaluates the spec.
func (h history) view(mask uint64, key int) view {
	v := view{hash: map[string]string{}, times: map[string]int64{}, zset: map[string]string{}}
	var newest Dot
	note := func(t Type, live []int) {
		if len(live) > 0 && h[live[0]].dot.Newer(newest) {
			newest, v.typ = h[live[0]].dot, t
		}
	}
	live := h.live(mask, key, "s", vPut, vIncr)
	note(TypeString, live)
	v.str, v.hasStr = h.value(live)
	for _, name := range h.names(mask, key, vSadd) {
		if live := h.live(mask, key, "m"+name, vSadd); len(live) > 0 {
			note(TypeSet, live)
			v.set = append(v.set, name)
		}
	}
	for _, name := range h.names(mask, key, vHset, vHincr) {
		if live := h.live(mask, key, "h"+name, vHset, vHincr); len(live) > 0 {
			note(TypeHash, live)
			v.hash[name], _ = h.value(live)
			if at := h.longest(h.live(mask, key, "t"+name, vHset, vHexpire)); at != 0 {
				v.times[name] = at
			}
		}
	}
	for _, name := range h.names(mask, key, vZadd, vZincr) {
		if live := h.live(mask, key, "z"+name, vZadd, vZincr); len(live) > 0 {
			note(TypeZSet, live)
			v.zset[name], _ = h.value(live)
		}
	}
	live = h.live(mask, key, "p", vPfadd)
	note(TypeHLL, live)
	for _, x := range live {
		for _, name := range h[x].names {
			v.hll.Raise(HashElement([]byte(name)))
		}
	}
	list, live := h.elements(mask, key)
	note(TypeList, live)
	v.list = list
	for _, name := range append(h.names(mask, key, vXadd, vXgroup), "m") {
		live := h.live(mask, key, "x"+name, vXadd, vXgroup)
		note(TypeStream, live)
		for range live {
			v.stream = append(v.stream, name)
		}
	}
	slices.Sort(v.stream)
	v.at = h.longest(h.live(mask, key, "d"))
	return v
}

// longest is the deadline that counts of what these events set, 0 being later
// than any.
func (h history) longest(live []int) (longest int64) {
	for i, x := range live {
		if at := h[x].at; i == 0 || at == 0 || longest != 0 && at > longest {
			longest = at
		}
	}
	return longest
}

// names lists, sorted, what the visible events of these verbs name.
func (h history) names(mask uint64, key int, verbs ...verb) (out []string) {
	for x := range h {
		if mask>>x&1 == 1 && h[x].key == key && slices.Contains(verbs, h[x].verb) {
			out = append(out, h[x].names...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// value is what a register with live writes and increments shows.
func (h history) value(live []int) (text string, ok bool) {
	sum, float, incrs, base := new(big.Rat), false, 0, -1
	for _, x := range live {
		switch e := &h[x]; {
		case e.verb == vIncr || e.verb == vHincr || e.verb == vZincr:
			sum.Add(sum, rat(e.text))
			float = float || e.float
			incrs++
		case base < 0:
			base = x
		}
	}
	if base >= 0 {
		b := rat(h[base].text)
		if incrs == 0 || b == nil {
			return h[base].text, true
		}
		sum.Add(sum, b)
		float = float || !isInt(h[base].text)
	}
	return show(sum, float), len(live) > 0
}

func isInt(text string) bool {
	i, err := strconv.ParseInt(text, 10, 64)
	return err == nil && strconv.FormatInt(i, 10) == text
}

// rat reads the decimals that tests use, nil for other text.
func rat(text string) *big.Rat {
	if text == "" || strings.Trim(text, "-.0123456789") != "" {
		return nil
	}
	r, _ := new(big.Rat).SetString(text)
	return r
}

// show prints as Redis does; sums of integers stop at the limits of 64 bits.
func show(r *big.Rat, float bool) string {
	if r.IsInt() {
		if i := r.Num(); float || i.IsInt64() {
			return i.String()
		} else if i.Sign() > 0 {
			return "9223372036854775807"
		}
		return "-9223372036854775808"
	}
	return strings.TrimRight(r.FloatString(17), "0")
}

// String dumps the view, to be compared with dump of an Object.
func (v view) String() string {
	b := append(make([]byte, 0, 128), "type="...)
	b = strconv.AppendInt(b, int64(v.typ), 10)
	if v.hasStr {
		b = append(append(b, " str="...), v.str...)
	}
	b = append(b, " set="...)
	for _, m := range v.set {
		b = append(append(b, m...), ',')
	}
	b = append(b, " hash="...)
	for _, f := range slices.Sorted(maps.Keys(v.hash)) {
		b = append(append(append(append(b, f...), ':'), v.hash[f]...), ',')
		if v.times[f] != 0 {
			b = fmt.Appendf(b, "until %d,", v.times[f])
		}
	}
	if len(v.zset) > 0 {
		b = append(b, " zset="...)
	}
	for _, m := range slices.Sorted(maps.Keys(v.zset)) {
		b = append(append(append(append(b, m...), ':'), v.zset[m]...), ',')
	}
	if regs := v.hll.append(nil); len(regs) > 0 {
		b = fmt.Appendf(b, " hll=%x", regs)
	}
	if len(v.list) > 0 {
		b = append(b, " list="...)
		b = append(b, strings.Join(v.list, ",")...)
	}
	if len(v.stream) > 0 {
		b = append(b, " stream="...)
		b = append(b, strings.Join(v.stream, ",")...)
	}
	b = append(b, " at="...)
	return string(strconv.AppendInt(b, v.at, 10))
}

// dump is the view of an Object.
func dump(o *Object) string {
	v := view{typ: o.Type(), hash: map[string]string{}, times: map[string]int64{}, zset: map[string]string{}}
	if o.Cell.Live() {
		v.str, v.hasStr = string(o.Cell.Value(nil)), true
	}
	o.Set().Each(func(name []byte) bool { v.set = append(v.set, string(name)); return true })
	slices.Sort(v.set)
	dumpHash(o.Hash(), &v)
	dumpZSet(o.ZSet(), &v)
	v.stream = dumpStream(o.Stream())
	if s, _ := o.HLL().Sketch(); s != nil {
		v.hll = *s
	}
	o.List().Each(0, func(e []byte) bool { v.list = append(v.list, string(e)); return true })
	slices.Sort(v.list)
	v.at, _ = o.DeadlineAt()
	return v.String()
}

// dumpStream lists the parts of a stream as a view does.
func dumpStream(s *Stream) (parts []string) {
	for range s.marks {
		parts = append(parts, "m")
	}
	s.Range(StreamID{}, MaxStreamID, false, func(e *StreamEntry) bool {
		parts = append(parts, fmt.Sprintf("e%d", e.ID.Ms))
		return true
	})
	for _, g := range s.groups {
		for range g.births {
			parts = append(parts, "g"+string(g.Name))
		}
	}
	slices.Sort(parts)
	return parts
}
