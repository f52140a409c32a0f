package rdb

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"
)

// streamObject makes a stream of one listpack of these elements.
func streamObject(items []string, length int, tail string) []byte {
	lp := make([]byte, listpackHeader)
	for _, s := range items {
		lp = appendPacked(lp, []byte(s))
	}
	w := NewWriter(nil)
	w.Object(StreamKind, 1)
	w.buf[0] = typeStream
	w.str(appendRawID(nil, StreamID{5, 1}))
	w.str(finishListpack(lp, len(items)))
	w.length(uint64(length))
	w.streamID(StreamID{9, 0})
	b, _ := hex.DecodeString(tail)
	return append(w.Bytes(), b...)
}

// TestStreamsThatContradictThemselves (R3): each mistake is found.
func TestStreamsThatContradictThemselves(t *testing.T) {
	good := strings.Fields("1 0 1 a 0 2 0 0 v 4")
	if v, err := ParseObject(streamObject(good, 1, "00")); err != nil || show(v) != "stream [5-1 [a v]] last 9-0 removed 0-0 added 1" {
		t.Fatal(show(v), err)
	}
	for _, c := range []struct {
		name, items string
		length      int
		tail        string
	}{
		{"another length", "1 0 1 a 0 2 0 0 v 4", 2, "00"},
		{"more entries than told", "0 0 1 a 0 2 0 0 v 4", 0, "00"},
		{"fewer entries than told", "2 0 1 a 0 2 0 0 v 4", 2, "00"},
		{"negative numbers", "1 -1 1 a 0 2 0 0 v 4", 1, "00"},
		{"too many fields", "1 0 9 a 0 2 0 0 v 4", 1, "00"},
		{"no fields", "1 0 0 0 2 0 0 3", 1, "00"},
		{"another count", "1 0 1 a 0 2 0 0 v 5", 1, "00"},
		{"text for a number", "1 0 1 a 0 x 0 0 v 4", 1, "00"},
		{"no end of the master entry", "1 0 1 a 1 2 0 0 v 4", 1, "00"},
		{"IDs that descend", "2 0 1 a 0 2 1 0 v 4 2 0 0 v 4", 2, "00"},
		{"one ID twice", "2 0 1 a 0 2 0 0 v 4 2 0 0 v 4", 2, "00"},
		{"an entry behind the last ID", "1 0 1 a 0 2 7 0 v 4", 1, "00"},
		{"a group twice", "1 0 1 a 0 2 0 0 v 4", 1, "02" + "0167" + "0000" + "0000" + "0167" + "0000" + "0000"},
		{"pending for nobody", "1 0 1 a 0 2 0 0 v 4", 1, "01" + "0167" + "0000" + "01" + strings.Repeat("00", 24) + "01" + "00"},
	} {
		if v, err := ParseObject(streamObject(strings.Fields(c.items), c.length, c.tail)); err == nil {
			t.Errorf("%s: %s", c.name, show(v))
		}
	}
}

// TestStreamsOfAllSizes: what is written reads as the same, in listpacks of
// every size that an element's length takes.
func TestStreamsOfAllSizes(t *testing.T) {
	s := &Stream{Last: StreamID{1 << 62, 3}, Removed: StreamID{2, 2}, Added: 1 << 40}
	for i, n := range []int{0, 1, 62, 63, 64, 122, 123, 127, 128, 4093, 4095, 4096, 16376, 16377, 16378, 16379, 16383, 16384, 70000, 2097145, 2097146, 2097147} {
		fields := [][]byte{[]byte("f"), []byte(strings.Repeat("x", n))}
		if i%3 == 1 {
			fields = append(fields, []byte("other"), fmt.Append(nil, -n*n))
		}
		s.Entries = append(s.Entries, StreamEntry{ID: StreamID{uint64(10 + i*i), uint64(90 - i)}, Fields: fields})
	}
	for i := range 300 {
		s.Entries = append(s.Entries, StreamEntry{ID: StreamID{1 << 50, uint64(i)}, Fields: [][]byte{[]byte("n"), fmt.Append(nil, int64(i)<<(i%60)*(1-2*int64(i%2)))}})
	}
	g := StreamGroup{Name: []byte("g"), Last: StreamID{1 << 63, 0}, Read: -1, Consumers: []StreamConsumer{{[]byte("a"), 5}, {nil, 1 << 42}}}
	for i := range 200 {
		g.Pending = append(g.Pending, StreamPending{StreamID{uint64(i), 0}, i % 2, int64(i) << 30, uint64(i)})
	}
	s.Groups = append(s.Groups, g, StreamGroup{Name: nil, Read: 7})
	w := NewWriter(nil)
	w.Stream(s)
	v, err := ParseObject(w.Bytes())
	if err != nil || showStream(v.Stream) != showStream(s) {
		t.Errorf("%.2000s\nfrom %.2000s: %v", show(v), showStream(s), err)
	}
}

// TestStreamClaimsCostNothing (R2).
func TestStreamClaimsCostNothing(t *testing.T) {
	many := binary.BigEndian.AppendUint64([]byte{0x81}, 1<<60)
	head := streamObject(strings.Fields("1 0 1 a 0 2 0 0 v 4"), 1, "")
	for _, b := range [][]byte{
		append([]byte{typeStream2}, many...),
		append(bytes.Clone(head), many...),
		append(append(bytes.Clone(head), 1, 1, 'g', 0, 0), many...),
		append(append(bytes.Clone(head), 1, 1, 'g', 0, 0, 0), many...),
	} {
		if n := testing.AllocsPerRun(10, func() {
			if _, err := ParseObject(b); err == nil {
				t.Error("no error")
			}
		}); n > 80 {
			t.Errorf("%x: %v allocations", b, n)
		}
	}
}

// TestManyGroupsTakeLittleTime: a stream of groups only, as who means harm sends it,
// is read in time that grows as it does.
func TestManyGroupsTakeLittleTime(t *testing.T) {
	s := &Stream{}
	for i := range 100_000 {
		s.Groups = append(s.Groups, StreamGroup{Name: fmt.Appendf(nil, "%06d", i), Read: -1})
	}
	w := NewWriter(nil)
	w.Stream(s)
	begin := time.Now()
	v, err := ParseObject(w.Bytes())
	if took := time.Since(begin); err != nil || len(v.Stream.Groups) != len(s.Groups) || took > 5*time.Second {
		t.Error(took, err)
	}
}
