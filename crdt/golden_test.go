package crdt

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"maps"
	"math"
	"math/big"
	"os"
	"slices"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write testdata/*.hex anew; only for a new format version")

// goldenPlace is the position of a list element.
var goldenPlace = place{run: AppendDot(appendOrdered(nil, -2), Dot{0x18f0000000100000, 300}), seq: 300}.append(nil)

// goldenEnd stands behind it, and goldenRow begins a row of a stream's entries.
var (
	goldenEnd = place{run: AppendDot(appendOrdered(nil, -2), Dot{0x18f0000000100000, 300}), seq: 70000}.append(nil)
	goldenRow = appendStreamID([]byte{nameSpan}, StreamID{5, 300})
)

// goldenOps has every kind of op, with every part it can have.
func goldenOps() map[string]*Op {
	key, deadline := []byte("key"), []byte{0, 0, 1, 0x8b, 0xcf, 0xe5, 0x68, 0}
	clear := VersionVector{{1, 0x18f0000000100000}, {300, 0x18f0000000200001}}
	res := []Reset{{1, 7, Int(41)}, {300, 8, Int(-1)}}
	half := roundedNumber(mustFloat("0.5"))
	big := roundedNumber(mustFloat("-1e40"))
	return map[string]*Op{
		"put first":                   {Kind: KindPut, Key: key, Value: []byte("hello")},
		"put empty value, empty key":  {Kind: KindPut, DB: 15},
		"put over what was seen":      {Kind: KindPut, Key: key, Clear: clear, Value: []byte("v")},
		"put with deadline":           {Kind: KindPut, Key: key, Clear: clear[:1], Deadline: 1700000000000, Value: []byte("v")},
		"put keeping the deadline":    {Kind: KindPut, Flags: KeepDeadline, Key: key, Clear: clear[1:], Value: []byte("v")},
		"put with a gap":              {Kind: KindPut, Flags: KeepDeadline, Key: key, Clear: clear, Value: []byte("before and behind"), Gap: Gap{6, 300}},
		"put over counters":           {Kind: KindPut, Key: key, Clear: clear, Shares: res, Elems: []Elem{{Name: []byte("f"), Of: TypeHash, Shares: res[:1]}}, Value: []byte("v")},
		"delete":                      {Kind: KindDelete, Key: key, Clear: clear},
		"delete of a counter":         {Kind: KindDelete, DB: 3, Key: key, Clear: clear, Shares: res},
		"delete, expired":             {Kind: KindDelete, Flags: Expired, Key: key, Clear: clear},
		"delete, evicted":             {Kind: KindDelete, Flags: Evicted, Key: key, Clear: clear},
		"incr first":                  {Kind: KindIncr, Flags: Create, Key: key, Total: Int(1), Delta: Int(1)},
		"incr":                        {Kind: KindIncr, Key: key, Total: Int(-300), Delta: Int(-1 << 63)},
		"incr float":                  {Kind: KindIncr, Key: key, Total: big, Delta: half},
		"incr float to an integer":    {Kind: KindIncr, Key: key, Total: half.Add(half), Delta: half},
		"incr beyond 64 bits":         {Kind: KindIncr, Key: key, Total: Int(1 << 62).Add(Int(1 << 62)), Delta: Int(1 << 62)},
		"incr over a hidden hash":     {Kind: KindIncr, Key: key, Clear: clear, Elems: []Elem{{Name: []byte("f"), Of: TypeHash, Shares: res}}, Total: Int(2), Delta: Int(1)},
		"deadline":                    {Kind: KindDeadline, Key: key, Clear: clear, Deadline: 1700000000000},
		"deadline none":               {Kind: KindDeadline, Key: key, Clear: clear},
		"set add first":               {Kind: KindSetAdd, Flags: Create, Key: key, Elems: []Elem{{Name: []byte("a")}, {Name: nil}}},
		"set add again":               {Kind: KindSetAdd, Key: key, Elems: []Elem{{Name: []byte("a"), Seen: clear}}},
		"set add over a hidden hash":  {Kind: KindSetAdd, Key: key, Clear: clear, Shares: res, Elems: []Elem{{Name: []byte("f"), Of: TypeHash, Shares: res}, {Name: []byte("a")}}},
		"set remove":                  {Kind: KindSetRemove, Key: key, Elems: []Elem{{Name: []byte("a"), Seen: clear[:1]}, {Name: []byte("b"), Seen: clear}}},
		"hash set":                    {Kind: KindHashSet, Flags: Create, Key: key, Elems: []Elem{{Name: []byte("f"), Value: []byte("v")}, {Name: []byte("g")}}},
		"hash set over what was seen": {Kind: KindHashSet, Key: key, Elems: []Elem{{Name: []byte("f"), Seen: clear, Shares: res, Value: []byte("v")}}},
		"hash remove":                 {Kind: KindHashRemove, Key: key, Elems: []Elem{{Name: []byte("f"), Seen: clear, Shares: res}}},
		"hash incr":                   {Kind: KindHashIncr, Key: key, Elems: []Elem{{Name: []byte("f"), Total: Int(5), Delta: Int(5)}}},
		"hash incr float":             {Kind: KindHashIncr, Key: key, Elems: []Elem{{Name: []byte("f"), Total: half, Delta: half}}},
		"hash deadline":               {Kind: KindHashExpire, Key: key, Elems: []Elem{{Name: []byte("f"), Seen: clear, Value: deadline}, {Name: []byte("g"), Seen: clear[:1], Value: make([]byte, 8)}}},
		"hash incr over a deadline":   {Kind: KindHashIncr, Key: key, Elems: []Elem{{Name: []byte("f"), Seen: clear[:1], Total: Int(5), Delta: Int(5)}}},
		"zset add":                    {Kind: KindZSetAdd, Flags: Create, Key: key, Elems: []Elem{{Name: []byte("m"), Value: appendScore(nil, 1.5)}, {Value: appendScore(nil, math.Inf(-1))}}},
		"zset add over what was seen": {Kind: KindZSetAdd, Key: key, Elems: []Elem{{Name: []byte("m"), Seen: clear, Shares: res, Value: appendScore(nil, -0.1)}}},
		"zset remove":                 {Kind: KindZSetRemove, Key: key, Elems: []Elem{{Name: []byte("m"), Seen: clear, Shares: res}}},
		"zset incr":                   {Kind: KindZSetIncr, Key: key, Elems: []Elem{{Name: []byte("m"), Total: Int(5), Delta: Int(5)}}},
		"zset incr by a fraction":     {Kind: KindZSetIncr, Key: key, Elems: []Elem{{Name: []byte("m"), Total: binaryNumber(-0.1), Delta: binaryNumber(5e-324)}}},
		"zset incr, huge":             {Kind: KindZSetIncr, Key: key, Elems: []Elem{{Name: []byte("m"), Total: binaryNumber(1e308).Add(binaryNumber(0.1)), Delta: binaryNumber(math.MaxFloat64)}}},
		"list push first":             {Kind: KindListPush, Flags: Create, Key: key, Elems: []Elem{{Name: appendStep(nil, 0, 0), Value: []byte("a")}, {Name: appendStep(nil, 0, 1)}}},
		"list push to a run":          {Kind: KindListPush, Key: key, Elems: []Elem{{Name: goldenPlace, Value: []byte("a")}}},
		"list push over another type": {Kind: KindListPush, Key: key, Clear: clear, Elems: []Elem{{Name: appendStep(nil, -700, 0), Value: []byte("a")}}},
		"list insert":                 {Kind: KindListPush, Key: key, Elems: []Elem{{Name: appendStep(goldenPlace[:len(goldenPlace):len(goldenPlace)], 1<<40, -1), Value: []byte("a")}}},
		"list set":                    {Kind: KindListSet, Key: key, Elems: []Elem{{Name: goldenPlace, Seen: clear[:1], Value: []byte("b")}}},
		"list move":                   {Kind: KindListMove, Key: key, Elems: []Elem{{Name: goldenPlace, Seen: clear[:1], Value: appendStep(goldenPlace[:len(goldenPlace):len(goldenPlace)], -5, 0)}, {Name: goldenPlace, Seen: clear}}},
		"list remove":                 {Kind: KindListRemove, Key: key, Elems: []Elem{{Name: goldenPlace, Seen: clear[:1]}, {Name: goldenPlace, Seen: clear}}},
		"list cut":                    {Kind: KindListCut, Key: key, Elems: []Elem{{Name: goldenPlace, Seen: clear, Value: goldenEnd}, {Name: goldenEnd, Seen: clear[:1], Value: goldenEnd}}},
		"hll add, new epoch":          {Kind: KindHLLAdd, Flags: Create, Key: key, Elems: []Elem{{Value: []byte{0, 0, 1, 5, 0x3f, 0xff, 51}}}},
		"hll add over hidden epochs":  {Kind: KindHLLAdd, Key: key, Clear: clear, Shares: res, Elems: []Elem{{Seen: clear, Value: []byte{1, 0, 1, 33}}}},
		"hll add to an epoch":         {Kind: KindHLLAdd, Key: key, Elems: []Elem{{Name: AppendDot(nil, Dot{0x18f0000000100000, 1}), Value: []byte{0, 0, 1, 5}}}},
		"stream add first":            {Kind: KindStreamAdd, Flags: Create, Key: key, Elems: []Elem{{Name: goldenEntry, Value: goldenFields}, {Name: []byte("m"), Value: goldenMark.append(nil)}}},
		"stream add and trim":         {Kind: KindStreamAdd, Key: key, Elems: []Elem{{Name: goldenEntry, Value: goldenFields}, {Name: []byte("m"), Seen: clear, Value: goldenMark.append(nil)}, {Name: goldenEntry, Seen: clear[:1]}}},
		"stream add and trim by span": {Kind: KindStreamAdd, Key: key, Elems: []Elem{{Name: goldenEntry, Value: goldenFields}, {Name: []byte("m"), Seen: clear, Value: goldenMark.append(nil)}, {Name: goldenRow, Seen: clear, Value: goldenEntry[1:]}}},
		"stream group":                {Kind: KindStreamAdd, Key: key, Elems: []Elem{{Name: []byte("ggroup"), Value: goldenBirth.append(nil)}}},
		"stream remove":               {Kind: KindStreamRemove, Key: key, Elems: []Elem{{Name: goldenEntry, Seen: clear[:1]}, {Name: []byte("m"), Seen: clear, Value: goldenMark.append(nil)}}},
		"stream remove by span":       {Kind: KindStreamRemove, Key: key, Elems: []Elem{{Name: goldenRow, Seen: clear, Value: goldenEntry[1:]}}},
		"stream acknowledge":          {Kind: KindStreamRemove, Key: key, Elems: []Elem{{Name: []byte("ggroup"), Seen: clear[:1], Value: append(goldenEntry[1:17:17], goldenEntry[1:]...)}}},
		"put, told as an edit":        {Kind: KindPut, Flags: KeepDeadline, Key: key, Clear: clear, Edit: Edit{Base: 0x18f0000000100000, At: 300, Bytes: []byte("b")}},
		"flush":                       {Kind: KindFlush, DB: 1, Clear: clear},
	}
}

var (
	goldenEntry  = appendStreamID([]byte{nameEntry}, StreamID{1589929244828, 1})
	goldenFields = AppendStreamFields(nil, [][]byte{[]byte("text"), []byte("hello"), []byte("n"), nil})
	goldenMark   = streamMark{last: StreamID{1589929244828, 1}, removed: StreamID{5, 300}, added: []addedBy{{1, 7}, {300, 1000}}}
	goldenBirth  = groupBirth{start: StreamID{5, 300}, read: NoEntriesRead}
)

// goldenStream has every element that a stream can save.
func goldenStream() map[string][]byte {
	d1, d2 := Dot{0x18f0000000100000, 1}, Dot{0x18f0000000200001, 2}
	s := &Stream{}
	s.list.add(StreamID{5, 1}, d1, goldenFields)
	s.list.add(StreamID{5, 2}, d1, goldenFields)
	s.list.add(StreamID{5, 2}, d2, AppendStreamFields(nil, [][]byte{nil, []byte("other")}))
	s.addMark(d1, goldenMark)
	s.addMark(d2, streamMark{})
	s.createGroup([]byte("new"), goldenBirth.append(nil), d1)
	s.createGroup([]byte("read"), goldenBirth.append(nil), d1)
	s.createGroup([]byte("read"), goldenBirth.append(nil), d2)
	g := s.Group([]byte("read"))
	g.SetID(StreamID{5, 2}, 2)
	c, _ := g.AddConsumer([]byte("alice"), 1700000000000)
	g.AddConsumer([]byte("bob"), 1700000000001)
	g.Assign(StreamID{5, 1}, c, 1700000000002, 3)
	g.late.put(StreamID{4, 0}, struct{}{})
	g.ahead.put(StreamID{9, 9}, struct{}{})
	out := map[string][]byte{}
	s.each(func(name, rec []byte) { out[fmt.Sprintf("%x", name)] = bytes.Clone(rec) })
	return out
}

// TestStreamElements: what a stream saves loads again, in any order; damaged
// it is refused or loads as something that saves the same.
func TestStreamElements(t *testing.T) {
	again := func(name, rec []byte) (*Stream, error) {
		s := &Stream{}
		if err := s.load(name, rec); err != nil {
			return nil, err
		}
		if back, ok := s.record(name); !ok || !bytes.Equal(back, rec) {
			t.Errorf("%x: %x is kept as %x", name, rec, back)
		}
		return s, nil
	}
	for hexName, rec := range goldenStream() {
		name, _ := hex.DecodeString(hexName)
		if _, err := again(name, rec); err != nil {
			t.Errorf("%s: %v", hexName, err)
		}
		for n := range len(rec) {
			_, _ = again(name, rec[:n])
		}
		for bit := range 8 * len(rec) {
			bad := bytes.Clone(rec)
			bad[bit/8] ^= 1 << (bit % 8)
			_, _ = again(name, bad)
		}
	}
}

// goldenRecords has every form of record and every shape of cell.
func goldenRecords() map[string]*Object {
	d1, d2 := Dot{0x18f0000000100000, 1}, Dot{0x18f0000000200001, 2}
	none, dated := []Deadline{{d1, 0}}, []Deadline{{d1, 1700000000000}}
	half := roundedNumber(mustFloat("0.5"))
	plain := Cell{Siblings: []Sibling{{d1, []byte("hello")}}}
	live := Share{Replica: 2, Last: d2.Time, Total: Int(7), Base: 5, BaseTotal: Int(3)}
	gone := Share{Replica: 3, Last: 9, Total: half, Base: 9, BaseTotal: half, Gone: d2}
	seen := VersionVector{{1, d1.Time}, {2, d2.Time}}
	return map[string]*Object{
		"plain":                      {Cell: plain, Deadlines: none},
		"plain, empty value":         {Cell: Cell{Siblings: []Sibling{{d1, nil}}}, Deadlines: none},
		"dated":                      {Cell: plain, Deadlines: dated},
		"dated by another dot":       {Cell: plain, Deadlines: []Deadline{{d2, 0}}},
		"counter":                    {Cell: Cell{Shares: []Share{live}}, Deadlines: none},
		"counter with a float":       {Cell: Cell{Shares: []Share{{Replica: 2, Last: 9, Total: half}}}, Deadlines: none},
		"siblings and shares":        {Cell: Cell{Siblings: []Sibling{{d2, []byte("5")}, {d1, []byte("x")}}, Shares: []Share{live, gone}}, Deadlines: dated},
		"header, nothing live":       {Cell: Cell{Shares: []Share{gone}}, seen: seen},
		"header, two deadlines":      {Cell: plain, Deadlines: []Deadline{{d2, 0}, {d1, 1700000000000}}, seen: seen},
		"header of a collection":     {parts: []part{{typ: TypeSet, coll: &Set{}}}, Deadlines: none, seen: seen},
		"header, nothing but memory": {seen: seen},
	}
}

func mustFloat(s string) *big.Float {
	f, ok := parseLongDouble([]byte(s))
	if !ok {
		panic(s)
	}
	return f
}

func goldenOpBytes() map[string][]byte {
	out := map[string][]byte{}
	for name, op := range goldenOps() {
		out[name] = AppendOp(nil, op)
	}
	return out
}

func goldenRecordBytes() map[string][]byte {
	out := map[string][]byte{}
	for name, o := range goldenRecords() {
		rec, ok := AppendRecord(nil, o)
		if !ok {
			rec = o.AppendHeader(nil)
		}
		out[name] = rec
	}
	return out
}

// TestGoldenBytes holds the codecs to the frozen vectors: these bytes lie on
// disks and travel between versions.
func TestGoldenBytes(t *testing.T) {
	for file, vectors := range map[string]map[string][]byte{
		"testdata/ops.hex":     goldenOpBytes(),
		"testdata/records.hex": goldenRecordBytes(),
		"testdata/streams.hex": goldenStream(),
		"testdata/fields.hex":  goldenFieldBytes(),
		"testdata/lists.hex":   goldenList(),
		"testdata/few.hex":     goldenFew(),
	} {
		if *rewrite {
			writeHex(t, file, vectors)
		}
		frozen := readHex(t, file)
		for name, b := range vectors {
			if !bytes.Equal(frozen[name], b) {
				t.Errorf("%s: %s: %x, frozen %x", file, name, b, frozen[name])
			}
		}
		if len(frozen) != len(vectors) {
			t.Errorf("%s: %d frozen vectors, %d known", file, len(frozen), len(vectors))
		}
	}
}

// goldenFieldBytes has the shapes that only an element of a collection has.
func goldenFieldBytes() map[string][]byte {
	d1, d2 := Dot{0x18f0000000100000, 1}, Dot{0x18f0000000200001, 2}
	plain := Cell{Siblings: []Sibling{{d1, []byte("hello")}}}
	dated := Deadline{d2, 1700000000000}
	out := map[string][]byte{}
	for name, e := range map[string]*element{
		"dated":                       {plain, []Deadline{dated}},
		"persisted":                   {plain, []Deadline{{Dot: d2}}},
		"concurrent deadlines":        {plain, []Deadline{dated, {d1, 1}}},
		"a deadline and no value":     {dates: []Deadline{dated}},
		"counted, with a deadline":    {Cell{Shares: []Share{{Replica: 2, Last: 9, Total: Int(7)}}}, []Deadline{dated}},
		"siblings of which one dated": {Cell{Siblings: []Sibling{{d2, []byte("b")}, {d1, []byte("a")}}}, []Deadline{{d2, 5}, {Dot: d1}}},
	} {
		out[name] = appendElement(nil, e)
	}
	return out
}

func fieldReencodes(b []byte) error {
	var e element
	if decodeElement(&e, b) != nil {
		return nil
	}
	if again := appendElement(nil, &e); !bytes.Equal(again, b) {
		return fmt.Errorf("%x encodes again as %x", b, again)
	}
	return nil
}

// reencodes reports whether decoding b fails, or yields what encodes as b.
func opReencodes(b []byte) error {
	var op Op
	if err := DecodeOp(&op, b); err != nil {
		return nil
	}
	if again := AppendOp(nil, &op); !bytes.Equal(again, b) {
		return fmt.Errorf("%x encodes again as %x", b, again)
	}
	return nil
}

func recordReencodes(b []byte) error {
	var o Object
	if err := DecodeRecord(&o, b); err != nil {
		return nil
	}
	again, ok := AppendRecord(nil, &o)
	if b[0] == formHeader { // of a collection or not: the form is not in the object
		again, ok = o.AppendHeader(nil), true
	}
	if b[0] == formFew {
		return fewReencodes(&o, b)
	}
	if !ok || !bytes.Equal(again, b) {
		return fmt.Errorf("%x encodes again as %x", b, again)
	}
	return nil
}

// TestDamagedBytes cuts every vector everywhere and flips each of its bits.
func TestDamagedBytes(t *testing.T) {
	for _, c := range []struct {
		vectors map[string][]byte
		check   func([]byte) error
	}{{goldenOpBytes(), opReencodes}, {goldenRecordBytes(), recordReencodes}, {goldenFieldBytes(), fieldReencodes}, {goldenFew(), recordReencodes}} {
		for name, b := range c.vectors {
			for n := range len(b) + 1 {
				if err := c.check(b[:n]); err != nil {
					t.Errorf("%s cut to %d: %v", name, n, err)
				}
			}
			for bit := range 8 * len(b) {
				bad := bytes.Clone(b)
				bad[bit/8] ^= 1 << (bit % 8)
				if err := c.check(bad); err != nil {
					t.Errorf("%s bit %d: %v", name, bit, err)
				}
			}
		}
	}
}

func writeHex(t *testing.T, file string, vectors map[string][]byte) {
	var b strings.Builder
	b.WriteString("# Frozen: name, then the bytes. A line here changes only with the format version.\n")
	for _, name := range slices.Sorted(maps.Keys(vectors)) {
		fmt.Fprintf(&b, "%-30s %s\n", name+":", hex.EncodeToString(vectors[name]))
	}
	if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

func readHex(t *testing.T, file string) map[string][]byte {
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out := map[string][]byte{}
	for in := bufio.NewScanner(f); in.Scan(); {
		if name, text, ok := strings.Cut(in.Text(), ":"); ok && name[0] != '#' {
			b, err := hex.DecodeString(strings.TrimSpace(text))
			if err != nil {
				t.Fatalf("%s: %s: %v", file, name, err)
			}
			out[name] = b
		}
	}
	return out
}
