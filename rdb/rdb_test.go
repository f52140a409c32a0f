package rdb

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// payloads are what redis-server 7.0 returned of DUMP, with what they hold.
var payloads = []struct{ hex, want string }{
	{"0001760a009108ceb219388ace", "string [v]"},
	{"00c07b0a0048e253e1007a67b9", "string [123]"},
	{"00c310406008636f6d707265737363e04c070173730a00a1c8ec4e081c5dad", "string [" + strings.Repeat("compress", 12) + "]"},
	{"0b0e02000000030000000100020003000a00a5025ce26d6e4d1b", "set [1 2 3]"},
	{"0202016201610a0075d99d835ef85f65", "set [b a]"},
	{"101111000000040081610201018162020201ff0a003e40636c8f5d769a", "hash [a 1 b 2]"},
	{"12010210100000000300816102816202dffb02ff0a00e9b1fce070a6188e", "list [a b -5]"},
	{"1114140000000400816102010181620283322e3504ff0a00d44c6ea4f644d9d7", "zset [a b] [1 2.5]"},
	{streamPayload, "stream [5-1 [a 1 b two] 7-0 [c -70000]] last 7-0 removed 5-2 added 3" +
		" group g at 5-1 read -1 consumers [alice bob] pending [5-1 of 0 count 1] group h at 7-0 read 3 consumers [] pending []"},
}

// streamPayload holds a deleted entry, one with other fields than the first,
// and two groups.
const streamPayload = "130110000000000000000500000000000000014048480000001900020101010201816102816202000102010001000101018374776f040501030100010101020185746872656506050100010201dfff020101816302f290eefe040601ff0207000501050203020167050181ffffffffffffffff010000000000000005000000000000000177ef9402a2010000010205616c69636577ef9402a2010000010000000000000005000000000000000103626f6277ef9402a201000000016807000300000a00dbc87a084017c096"

func show(v Value) string {
	if v.Kind == StreamKind {
		return showStream(v.Stream)
	}
	s := fmt.Sprintf("%v %s", v.Kind, v.Items)
	if v.Times != nil {
		s += fmt.Sprint(" until ", v.Times)
	}
	if len(v.Scores) > 0 {
		s += fmt.Sprint(" ", v.Scores)
	}
	return s
}

func showStream(s *Stream) string {
	id := func(id StreamID) string { return fmt.Sprintf("%d-%d", id.Ms, id.Seq) }
	var entries []string
	for _, e := range s.Entries {
		entries = append(entries, fmt.Sprintf("%s %s", id(e.ID), e.Fields))
	}
	out := fmt.Sprintf("stream %s last %s removed %s added %d", entries, id(s.Last), id(s.Removed), s.Added)
	for _, g := range s.Groups {
		var consumers, pending []string
		for _, c := range g.Consumers {
			consumers = append(consumers, string(c.Name))
		}
		for _, p := range g.Pending {
			pending = append(pending, fmt.Sprintf("%s of %d count %d", id(p.ID), p.Consumer, p.Count))
		}
		out += fmt.Sprintf(" group %s at %s read %d consumers %s pending %s", g.Name, id(g.Last), g.Read, consumers, pending)
	}
	return out
}

func TestPayloadsOfRedis(t *testing.T) {
	for _, c := range payloads {
		b, err := hex.DecodeString(c.hex)
		if err != nil {
			t.Fatal(c.hex, err)
		}
		object, err := CheckPayload(b)
		if err != nil {
			t.Errorf("%s: %v", c.hex, err)
			continue
		}
		v, err := ParseObject(object)
		if err != nil || show(v) != c.want {
			t.Errorf("%s: %s, %v; want %s", c.hex, show(v), err, c.want)
		}
	}
}

// objects are objects in old encodings, and in those of other versions.
var objects = []struct{ hex, want string }{
	{"09" + "0f" + "02" + "0161" + "010031" + "026262" + "02" + "01" + "3232" + "00" + "ff", "hash [a 1 bb 22]"},
	{"03" + "01" + "0161" + "03322e35", "zset [a] [2.5]"},
	{"03" + "01" + "0161" + "fe", "zset [a] [+Inf]"},
	{"14" + "0c" + "0c0000000200" + "816102" + "0701" + "ff", "set [a 7]"},
	{datedHash, "hash [a 1 b 2 c 3] until [1700000000000 0 1700000005000]"},
	{"19" + "0068e5cf8b010000" + "1d" + "1d0000000600" + "816102" + "0101" + "f40068e5cf8b01000009" + "816202" + "0201" + "0001" + "ff", "hash [a 1 b 2] until [1700000000000 0]"},
	{"0a" + "0f" + "0f0000000a000000" + "0200" + "00f2" + "02f3" + "ff", "list [1 2]"},
}

// datedHash begins with the first deadline; each field comes after its own,
// as it was by then plus 1.
const datedHash = "18" + "0068e5cf8b010000" + "03" + "01" + "0161" + "0131" + "00" + "0162" + "0132" + "5389" + "0163" + "0133"

func TestDatedHashIsWritten(t *testing.T) {
	w := NewWriter(nil)
	w.DatedHash(3, 1_700_000_000_000)
	w.DatedItem([]byte("a"), []byte("1"), 1_700_000_000_000)
	w.DatedItem([]byte("b"), []byte("2"), 0)
	w.DatedItem([]byte("c"), []byte("3"), 1_700_000_005_000)
	if got := hex.EncodeToString(w.Bytes()); got != datedHash {
		t.Errorf("%s\nwant %s", got, datedHash)
	}
}

func TestOldEncodings(t *testing.T) {
	for _, c := range objects {
		b, err := hex.DecodeString(c.hex)
		if err != nil {
			t.Fatal(c.hex, err)
		}
		v, err := ParseObject(b)
		if err != nil || show(v) != c.want {
			t.Errorf("%s: %s, %v; want %s", c.hex, show(v), err, c.want)
		}
	}
}

// TestEveryTruncationIsAnError (R1, R3).
func TestEveryTruncationIsAnError(t *testing.T) {
	for _, c := range payloads {
		b, _ := hex.DecodeString(c.hex)
		for n := range len(b) - footer {
			if v, err := ParseObject(b[:n]); err == nil {
				t.Errorf("%x of %x: %s", b[:n], b, show(v))
			}
		}
	}
}

func TestErrorsNameTheOffset(t *testing.T) {
	for _, c := range []struct{ object, want string }{
		{"\x00\x05ab", "at byte 4: the data ends too soon"},
		{"\x07\x05ab", "at byte 1: a value of a module, which only that module can read"},
		{"\x63", "at byte 1: unknown type 99 of a value"},
		{"\x01\x00", "at byte 2: an empty value"},
		{"\x00\x81\x00\x00\x00\x01\x00\x00\x00\x00", "at byte 10: a length of 4294967296 bytes is above the limit of 536870912"},
		{"\x02\x02\x01a\x01a", "at byte 6: a member comes twice"},
		{"\x18\x00\x00\x00\x00\x00\x40\x00\x00", "at byte 9: 70368744177664 is not a deadline"},
		{"\x18\xff\xff\xff\xff\xff\x3f\x00\x00\x01\x02\x01a\x01b", "at byte 15: 70368744177664 is not a deadline"},
		{"\x18\x00\x00\x00\x00\x00\x00\x00\x00\x01\x81\xff\xff\xff\xff\xff\xff\xff\xff\x01a\x01b", "at byte 23: 18446744073709551614 is not a deadline"},
		{"\x05\x01\x01a\x00\x00\x00\x00\x00\x00\xf8\x7f", "at byte 12: a score is not a number"},
	} {
		_, err := ParseObject([]byte(c.object))
		var e *Error
		if !errors.As(err, &e) || err.Error() != c.want {
			t.Errorf("%q: %v, want %s", c.object, err, c.want)
		}
	}
}

// TestPartsAreBounded: a large collection comes in parts, in order.
func TestPartsAreBounded(t *testing.T) {
	w := NewWriter(nil)
	w.Object(List, 5000)
	for i := range 5000 {
		w.Item(fmt.Appendf(nil, "%d%s", i, strings.Repeat("x", i%2000)))
	}
	r := NewReader(bytes.NewReader(w.Bytes()))
	typ, n := r.byte(), 0
	err := r.Object(typ, func(v Value) error {
		size := 0
		for _, item := range v.Items {
			if want := fmt.Sprintf("%d%s", n, strings.Repeat("x", n%2000)); string(item) != want {
				t.Fatalf("item %d is %.20q", n, item)
			}
			size += len(item)
			n++
		}
		if len(v.Items) > partItems || size > partBytes+2000 {
			t.Errorf("a part of %d items and %d bytes", len(v.Items), size)
		}
		return nil
	})
	if err != nil || n != 5000 {
		t.Error(n, err)
	}
}

// TestClaimsCostNothing (R2): a claimed length is not allocated.
func TestClaimsCostNothing(t *testing.T) {
	object := []byte("\x00\x80\x1f\xff\xff\xffabc")
	if n := testing.AllocsPerRun(10, func() { ParseObject(object) }); n > 20 {
		t.Errorf("%v allocations", n)
	}
	r := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			ParseObject(object)
		}
	})
	if r.AllocedBytesPerOp() > 1<<20 {
		t.Errorf("%d bytes allocated for 9", r.AllocedBytesPerOp())
	}
}

// FuzzObject: an object made by an enemy is refused or gives something sound
// (R1 to R3).
func FuzzObject(f *testing.F) {
	for _, c := range append(payloads, objects...) {
		b, _ := hex.DecodeString(c.hex)
		f.Add(b)
	}
	for typ := range byte(typeHashListpackDated + 1) {
		f.Add(append([]byte{typ}, "\x01\x0f\x0f\x00\x00\x00\x02\x00\x81a\x02\x81b\x02\xff"...))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := ParseObject(b)
		if err != nil {
			return
		}
		if v.Kind == StreamKind {
			w := NewWriter(nil)
			w.Stream(v.Stream)
			again, err := ParseObject(w.Bytes())
			if err != nil || show(again) != show(v) {
				t.Fatalf("%x: %s, written and read again %s, %v", b, show(v), show(again), err)
			}
			return
		}
		if len(v.Items) == 0 || v.Kind == Hash && len(v.Items)%2 != 0 || v.Kind == ZSet && len(v.Scores) != len(v.Items) ||
			v.Times != nil && 2*len(v.Times) != len(v.Items) {
			t.Fatalf("%x: %s", b, show(v))
		}
	})
}
