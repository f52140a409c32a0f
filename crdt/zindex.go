package crdt

import (
	"bytes"
	"sort"
)

// zindex keeps the entries of a sorted set in order of score and, among equal
// scores, of name: a B+ tree whose inner nodes count what is below them, so
// that an entry is found by rank, and a rank by entry, in O(log n).
//
//	Z1  all leaves are at the same depth; no node but the root is empty
//	Z2  n of an inner node is the number of entries below it
//	Z3  entries are unique and ascend
//	Z4  below of an inner node is the sum of bytes of its kids
type zindex struct {
	root *znode
}

// Nodes split when they are wider than this. A leaf also splits when its names
// take more than zleafBytes, since it moves them about.
const (
	zleafWidth = 96
	zleafBytes = 8 << 10
	zfanout    = 64
)

// znode is a leaf, which has scores and names, or an inner node.
type znode struct {
	n      int
	kids   []*znode // nil in a leaf
	below  int      // the memory of kids
	scores []float64
	ends   []uint32 // of the names, in names
	names  []byte
}

func (t *zindex) len() int {
	if t.root == nil {
		return 0
	}
	return t.root.n
}

// zless is the order of the entries.
func zless(a float64, an []byte, b float64, bn []byte) bool {
	return a < b || a == b && bytes.Compare(an, bn) < 0
}

func (l *znode) leaf() bool { return l.kids == nil }

func (l *znode) name(i int) []byte {
	start := uint32(0)
	if i > 0 {
		start = l.ends[i-1]
	}
	return l.names[start:l.ends[i]:l.ends[i]]
}

// low returns the first entry below a node.
func (l *znode) low() (float64, []byte) {
	for !l.leaf() {
		l = l.kids[0]
	}
	return l.scores[0], l.name(0)
}

// find returns the number of entries that come before those for which before
// is false; before must be true for a beginning of the entries.
func (t *zindex) find(before func(score float64, name []byte) bool) (rank int) {
	l := t.root
	if l == nil {
		return 0
	}
	for !l.leaf() {
		i := sort.Search(len(l.kids)-1, func(i int) bool { return !before(l.kids[i+1].low()) })
		for _, k := range l.kids[:i] {
			rank += k.n
		}
		l = l.kids[i]
	}
	return rank + sort.Search(len(l.scores), func(i int) bool { return !before(l.scores[i], l.name(i)) })
}

// rank returns the position of an entry, or where it would be.
func (t *zindex) rank(score float64, name []byte) int {
	return t.find(func(s float64, n []byte) bool { return zless(s, n, score, name) })
}

// walk calls fn for the entries with ranks in [from, to), backwards if asked,
// until it returns false.
func (t *zindex) walk(from, to int, backwards bool, fn func(name []byte, score float64) bool) {
	if from = max(from, 0); t.root != nil && from < to {
		t.root.walk(from, min(to, t.root.n), backwards, fn)
	}
}

func (l *znode) walk(from, to int, backwards bool, fn func(name []byte, score float64) bool) bool {
	if l.leaf() {
		for i := from; i < to; i++ {
			j := i
			if backwards {
				j = from + to - 1 - i
			}
			if !fn(l.name(j), l.scores[j]) {
				return false
			}
		}
		return true
	}
	first := 0
	if backwards {
		first = l.n
	}
	for i := range l.kids {
		k := l.kids[i]
		if backwards {
			k = l.kids[len(l.kids)-1-i]
			first -= k.n
		}
		if a, b := max(from-first, 0), min(to-first, k.n); a < b && !k.walk(a, b, backwards, fn) {
			return false
		}
		if !backwards {
			first += k.n
		}
	}
	return true
}

// insert adds an entry that is not there.
func (t *zindex) insert(score float64, name []byte) {
	if t.root == nil {
		t.root = &znode{}
	}
	if right := t.root.insert(score, name, true); right != nil {
		left := t.root
		t.root = &znode{n: left.n + right.n, kids: []*znode{left, right}, below: left.bytes() + right.bytes()}
	}
}

// insert returns what does not fit any more, the right half of the node. last
// says that the node is the last of its depth: there it splits at its end, so
// that entries which come in order fill their leaves.
func (l *znode) insert(score float64, name []byte, last bool) (right *znode) {
	l.n++
	if l.leaf() {
		return l.insertEntry(score, name, last)
	}
	i := sort.Search(len(l.kids)-1, func(i int) bool {
		s, n := l.kids[i+1].low()
		return zless(score, name, s, n)
	})
	was := l.kids[i].bytes()
	split := l.kids[i].insert(score, name, last && i == len(l.kids)-1)
	l.below += l.kids[i].bytes() - was
	if split == nil {
		return nil
	}
	l.below += split.bytes()
	l.kids = append(l.kids, nil)
	copy(l.kids[i+2:], l.kids[i+1:])
	l.kids[i+1] = split
	if len(l.kids) <= zfanout {
		return nil
	}
	at := len(l.kids) / 2
	if last && i == len(l.kids)-2 {
		at = len(l.kids) - 1
	}
	right = &znode{kids: append(make([]*znode, 0, zfanout+1), l.kids[at:]...)}
	clear(l.kids[at:])
	l.kids = l.kids[:at]
	for _, k := range right.kids {
		right.n += k.n
		right.below += k.bytes()
	}
	l.n -= right.n
	l.below -= right.below
	return right
}

func (l *znode) insertEntry(score float64, name []byte, last bool) (right *znode) {
	i := sort.Search(len(l.scores), func(i int) bool { return zless(score, name, l.scores[i], l.name(i)) })
	l.scores = append(l.scores, 0)
	copy(l.scores[i+1:], l.scores[i:])
	l.scores[i] = score
	start := uint32(0)
	if i > 0 {
		start = l.ends[i-1]
	}
	l.ends = append(l.ends, 0)
	copy(l.ends[i+1:], l.ends[i:])
	l.ends[i] = start
	for j := i; j < len(l.ends); j++ {
		l.ends[j] += uint32(len(name))
	}
	old := len(l.names)
	l.names = append(l.names, name...)
	if int(start) < old {
		copy(l.names[int(start)+len(name):], l.names[start:old])
		copy(l.names[start:], name)
	}
	if l.n <= zleafWidth && len(l.names) <= zleafBytes || l.n == 1 {
		return nil
	}
	at := l.n / 2
	if last && i == l.n-1 {
		at = i
	}
	right = l.cut(at, l.n)
	*l = *l.cut(0, at)
	return right
}

// cut copies entries into a leaf of its own.
func (l *znode) cut(from, to int) *znode {
	start := uint32(0)
	if from > 0 {
		start = l.ends[from-1]
	}
	room := (to - from) / 8
	c := &znode{n: to - from, scores: append(make([]float64, 0, to-from+room), l.scores[from:to]...),
		ends:  append(make([]uint32, 0, to-from+room), l.ends[from:to]...),
		names: append(make([]byte, 0, int(l.ends[to-1]-start)*9/8), l.names[start:l.ends[to-1]]...)}
	for i := range c.ends {
		c.ends[i] -= start
	}
	return c
}

// delete removes an entry that is there.
func (t *zindex) delete(score float64, name []byte) {
	t.root.delete(score, name)
	for !t.root.leaf() && len(t.root.kids) == 1 {
		t.root = t.root.kids[0]
	}
	if t.root.n == 0 {
		t.root = nil
	}
}

func (l *znode) delete(score float64, name []byte) {
	l.n--
	if l.leaf() {
		l.deleteEntry(sort.Search(len(l.scores), func(i int) bool { return !zless(l.scores[i], l.name(i), score, name) }))
		return
	}
	i := sort.Search(len(l.kids)-1, func(i int) bool {
		s, n := l.kids[i+1].low()
		return zless(score, name, s, n)
	})
	was := l.kids[i].bytes()
	l.kids[i].delete(score, name)
	l.below += l.kids[i].bytes() - was
	l.repair(i)
}

func (l *znode) deleteEntry(i int) {
	size := uint32(len(l.name(i)))
	end := l.ends[i]
	l.names = append(l.names[:end-size], l.names[end:]...)
	l.scores = append(l.scores[:i], l.scores[i+1:]...)
	l.ends = append(l.ends[:i], l.ends[i+1:]...)
	for j := i; j < len(l.ends); j++ {
		l.ends[j] -= size
	}
}

// repair drops an empty child and joins a narrow one with its neighbour.
func (l *znode) repair(i int) {
	if l.kids[i].n == 0 {
		l.drop(i)
		return
	}
	if i == len(l.kids)-1 {
		i--
	}
	if i < 0 || !l.kids[i].joins(l.kids[i+1]) {
		return
	}
	a, b := l.kids[i], l.kids[i+1]
	was := a.bytes()
	a.n += b.n
	if !a.leaf() {
		a.kids = append(a.kids, b.kids...)
		a.below += b.below
	} else {
		base := uint32(len(a.names))
		a.scores, a.names = append(a.scores, b.scores...), append(a.names, b.names...)
		for _, e := range b.ends {
			a.ends = append(a.ends, base+e)
		}
	}
	l.below += a.bytes() - was
	l.drop(i + 1)
}

func (l *znode) drop(i int) {
	l.below -= l.kids[i].bytes()
	copy(l.kids[i:], l.kids[i+1:])
	l.kids[len(l.kids)-1] = nil
	l.kids = l.kids[:len(l.kids)-1]
}

// joins reports whether two neighbours are better one node, with room to grow.
func (l *znode) joins(r *znode) bool {
	if l.leaf() {
		return l.n+r.n <= zleafWidth/2 && len(l.names)+len(r.names) <= zleafBytes/2
	}
	return len(l.kids)+len(r.kids) <= zfanout/2
}

// bytes estimates the memory of the index.
func (t *zindex) bytes() int {
	if t.root == nil {
		return 0
	}
	return t.root.bytes()
}

// bytes estimates the memory of a node and of what is below it.
func (l *znode) bytes() int {
	return 120 + 8*cap(l.scores) + 4*cap(l.ends) + cap(l.names) + 8*cap(l.kids) + l.below
}
