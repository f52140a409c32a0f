package rdb

import "strconv"

// Object reads an object of a type and gives it to fn in parts: a string is one
// part, and so is a stream; collections are parts of about 512 items or 256 KiB,
// in order. The parts' memory is fn's. An error of fn ends the reading and is
// returned.
//
// A field or member may come twice in a hostile object: the last one counts.
func (r *Reader) Object(typ byte, fn func(v Value) error) error {
	if r.object(typ, fn) == 0 {
		r.fail("an empty value")
	}
	return r.err
}

// object is Object for one that may be empty. It returns how many items there are.
func (r *Reader) object(typ byte, fn func(v Value) error) (items int) {
	p := parts{r: r, fn: fn}
	switch typ {
	case typeString:
		p.v.Kind = String
		p.add(r.str())
	case typeList:
		p.plain(List, r.count())
	case typeSet:
		p.plain(Set, r.count())
	case typeHash:
		p.pairs(r.count())
	case typeHashDated:
		p.dated(r.time())
	case typeHashListpackDated:
		r.time()
		p.allDated(r.listpack(r.str()))
	case typeZSet, typeZSet2:
		p.scored(r.count(), typ == typeZSet2)
	case typeSetIntset:
		p.all(Set, r.intset(r.str()))
	case typeSetListpack:
		p.all(Set, r.listpack(r.str()))
	case typeListZiplist:
		p.all(List, r.ziplist(r.str()))
	case typeQuicklist, typeQuicklist2:
		p.nodes(r.count(), typ)
	case typeHashZipmap:
		p.allPairs(r.zipmap(r.str()))
	case typeHashZiplist:
		p.allPairs(r.ziplist(r.str()))
	case typeHashListpack:
		p.allPairs(r.listpack(r.str()))
	case typeZSetZiplist:
		p.allScored(r.ziplist(r.str()))
	case typeZSetListpack:
		p.allScored(r.listpack(r.str()))
	case typeStream:
		p.stream(1)
	case typeStream2:
		p.stream(2)
	case typeStream3:
		p.stream(3)
	case typeModulePreGA, typeModule:
		r.fail("a value of a module, which only that module can read")
	default:
		r.fail("unknown type %d of a value", typ)
	}
	p.end()
	return p.total
}

// parts gathers the items of an object.
type parts struct {
	r     *Reader
	fn    func(v Value) error
	v     Value
	bytes int
	total int
	whole bool // it is a part without items
}

func (p *parts) add(item []byte) {
	p.v.Items = append(p.v.Items, item)
	p.bytes += len(item)
	p.total++
}

// cut gives out what has gathered if it is enough; false ends the reading.
func (p *parts) cut() bool {
	if p.r.err == nil && (len(p.v.Items) >= partItems || p.bytes >= partBytes) {
		p.give()
	}
	return p.r.err == nil
}

func (p *parts) give() {
	if err := p.fn(p.v); err != nil {
		p.r.err = err
	}
	p.v, p.bytes = Value{Kind: p.v.Kind}, 0
}

// end gives out the rest.
func (p *parts) end() {
	if p.r.err == nil && (p.whole || len(p.v.Items) > 0) {
		p.give()
	}
}

func (p *parts) plain(k Kind, n uint64) {
	p.v.Kind = k
	for ; n > 0 && p.cut(); n-- {
		p.add(p.r.str())
	}
}

func (p *parts) pairs(n uint64) {
	p.v.Kind = Hash
	for ; n > 0 && p.cut(); n-- {
		p.add(p.r.str())
		p.add(p.r.str())
	}
}

// dated reads the fields of a hash, each after its deadline: 0 for none, else
// what it has above the first of them, plus 1.
func (p *parts) dated(first int64) {
	p.v.Kind = Hash
	for n := p.r.count(); n > 0 && p.cut(); n-- {
		above := p.r.count()
		p.add(p.r.str())
		p.add(p.r.str())
		at := int64(0)
		if above > 0 {
			at = p.r.checkTime(uint64(first) + above - 1)
		}
		p.v.Times = append(p.v.Times, at)
	}
}

func (p *parts) scored(n uint64, binary bool) {
	p.v.Kind = ZSet
	for ; n > 0 && p.cut(); n-- {
		p.add(p.r.str())
		score := 0.0
		if binary {
			score = p.r.score()
		} else {
			score = p.r.textScore()
		}
		p.v.Scores = append(p.v.Scores, score)
	}
}

// nodes reads the nodes of a quicklist.
func (p *parts) nodes(n uint64, typ byte) {
	p.v.Kind = List
	for ; n > 0 && p.cut(); n-- {
		container := uint64(nodePacked)
		if typ == typeQuicklist2 {
			container = p.r.count()
		}
		switch node := p.r.str(); {
		case container == nodePlain:
			p.add(node)
		case container != nodePacked:
			p.r.fail("unknown container %d of a list's node", container)
		case typ == typeQuicklist2:
			p.all(List, p.r.listpack(node))
		default:
			p.all(List, p.r.ziplist(node))
		}
	}
}

func (p *parts) all(k Kind, items [][]byte) {
	p.v.Kind = k
	for _, item := range items {
		if !p.cut() {
			return
		}
		p.add(item)
	}
}

func (p *parts) allPairs(items [][]byte) {
	p.v.Kind = Hash
	if len(items)%2 != 0 {
		p.r.fail("a field without a value")
		return
	}
	for i := 0; i < len(items) && p.cut(); i += 2 {
		p.add(items[i])
		p.add(items[i+1])
	}
}

func (p *parts) allScored(items [][]byte) {
	p.v.Kind = ZSet
	if len(items)%2 != 0 {
		p.r.fail("a member without a score")
		return
	}
	for i := 0; i < len(items) && p.cut(); i += 2 {
		p.add(items[i])
		p.v.Scores = append(p.v.Scores, p.r.parseScore(items[i+1]))
	}
}

// allDated takes fields, values and deadlines in turn.
func (p *parts) allDated(items [][]byte) {
	p.v.Kind = Hash
	if len(items)%3 != 0 {
		p.r.fail("a field without a value or a deadline")
		return
	}
	for i := 0; i < len(items) && p.cut(); i += 3 {
		p.add(items[i])
		p.add(items[i+1])
		n, err := strconv.ParseUint(string(items[i+2]), 10, 63)
		if err != nil {
			p.r.fail("%.40q is not a deadline", items[i+2])
		}
		p.v.Times = append(p.v.Times, p.r.checkTime(n))
	}
}
