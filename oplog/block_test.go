package oplog

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"flag"
	"hash/crc32"
	"os"
	"strings"
	"testing"

	"crdb/crdt"
)

var rewrite = flag.Bool("rewrite", false, "rewrite testdata")

func sampleBlock() *Block {
	var s segment
	t := crdt.TimestampAt(testWall)
	s.add(t, false, "set a")
	s.add(t+1, false, "incr b")
	s.add(t+2, true, "incr c")
	s.add(t+70000, true, "")
	return seal(3, &s, t-9, crdt.VersionVector{{Replica: 1, Time: t - 5}, {Replica: 7, Time: 4}})
}

// The bytes of a block never change: they are on disks and on wires.
func TestBlockGolden(t *testing.T) {
	const want = "" +
		"6342" + "01" + "00" + // magic, version, flags
		"00000058" + // length
		"0003" + // replica
		"018bcfe568000000" + "018bcfe568011170" + "018bcfe567fffff7" + // first, last, prev
		"00000004" + // ops
		"02" + "01018bcfe567fffffb" + "070000000000000004" + // deps
		"000a" + "7365742061" + // set a
		"010c" + "696e63722062" + // incr b
		"010d" + "696e63722063" + // incr c, one group with incr b
		"eea20401" + // an empty op, in the group too
		"CRC"
	got := hex.EncodeToString(sampleBlock().Bytes())
	n := len(got) - 8
	if got[:n] != strings.TrimSuffix(want, "CRC") {
		t.Fatalf("\ngot  %s\nwant %s", got[:n], want)
	}
	const file = "testdata/block-v1.bin"
	if *rewrite {
		if err := os.WriteFile(file, sampleBlock().Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	frozen, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(frozen, sampleBlock().Bytes()) {
		t.Fatal("the encoding differs from the frozen block")
	}
	if h := sampleBlock().Hash(); h != 0xbbd16d5539798b78 {
		t.Errorf("hash %#x", h)
	}
}

func TestBlockRoundTrip(t *testing.T) {
	want := sampleBlock()
	b, err := DecodeBlock(want.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if b.Replica != 3 || b.First != want.First || b.Last != want.Last || b.Prev != want.Prev || b.Ops != 4 || !b.Deps.Equal(want.Deps) {
		t.Fatalf("%+v", b)
	}
	var got strings.Builder
	for _, e := range entries(t, b) {
		got.WriteString(e.Dot.String() + " " + string(e.Op))
		if e.Group {
			got.WriteString(" +")
		}
		got.WriteByte('\n')
	}
	const text = `1700000000000.0@3 set a
1700000000000.1@3 incr b +
1700000000000.2@3 incr c +
1700000000001.4464@3 
`
	if got.String() != text {
		t.Fatalf("got\n%s", got.String())
	}
}

func TestBlockTruncations(t *testing.T) {
	data := sampleBlock().Bytes()
	for n := range data {
		if _, err := DecodeBlock(data[:n:n]); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("%d bytes: %v", n, err)
		}
	}
	if _, err := DecodeBlock(append(data[:len(data):len(data)], 0)); !errors.Is(err, ErrCorrupt) {
		t.Fatal("a byte too many:", err)
	}
}

// No flipped bit is accepted, with the checksum as it was or made to fit.
func TestBlockBitFlips(t *testing.T) {
	orig := sampleBlock()
	for i := range len(orig.data) * 8 {
		data := bytes.Clone(orig.data)
		data[i/8] ^= 1 << (i % 8)
		if _, err := DecodeBlock(data); err == nil {
			t.Fatalf("bit %d accepted", i)
		}
		fixCRC(data)
		if b, err := DecodeBlock(data); err == nil {
			entries(t, b) // valid but different: must at least not panic
		}
	}
}

func fixCRC(data []byte) {
	end := len(data) - crcBytes
	binary.BigEndian.PutUint32(data[end:], crc32.Checksum(data[:end], castagnoli))
}

// Blocks with a good checksum that break a rule.
func TestBlockRules(t *testing.T) {
	now := crdt.TimestampAt(testWall)
	ops := func(f func(s *segment)) *segment {
		s := &segment{}
		f(s)
		return s
	}
	two := func() *segment { return ops(func(s *segment) { s.add(now, false, "a"); s.add(now+1, false, "b") }) }
	cases := []struct {
		name string
		data []byte
	}{
		{"replica zero", seal(0, two(), 0, nil).data},
		{"prev not before first", seal(1, two(), now, nil).data},
		{"deps on itself", seal(1, two(), 0, crdt.VersionVector{{Replica: 1, Time: 1}}).data},
		{"no ops", seal(1, &segment{first: now, last: now, buf: []byte{0, 0}}, 0, nil).data},
		{"fewer ops than the header says", seal(1, ops(func(s *segment) { s.add(now, false, "a"); s.ops++ }), 0, nil).data},
		{"more ops than the header says", seal(1, ops(func(s *segment) { *s = *two(); s.ops-- }), 0, nil).data},
		{"last differs", seal(1, ops(func(s *segment) { *s = *two(); s.last++ }), 0, nil).data},
		{"last before first", seal(1, ops(func(s *segment) { *s = *two(); s.last = now - 1 }), 0, nil).data},
		{"first op not at first", seal(1, &segment{first: now, last: now + 1, ops: 1, buf: []byte{1, 0}}, 0, nil).data},
		{"first op joins nothing", seal(1, ops(func(s *segment) { s.add(now, true, "a") }), 0, nil).data},
		{"time stands still", seal(1, ops(func(s *segment) { s.add(now, false, "a"); s.add(now, false, "b") }), 0, nil).data},
		{"length past the end", seal(1, &segment{first: now, last: now, ops: 1, buf: []byte{0, 200, 1, 'x'}}, 0, nil).data},
		{"huge length", seal(1, &segment{first: now, last: now, ops: 1, buf: []byte{0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1}}, 0, nil).data},
		{"time overflows", seal(1, &segment{first: now, last: now + 1, ops: 2, buf: []byte{0, 0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1, 0}}, 0, nil).data},
		{"long varint", seal(1, &segment{first: now, last: now, ops: 1, buf: []byte{0x80, 0, 0}}, 0, nil).data},
	}
	for _, c := range cases {
		if _, err := DecodeBlock(c.data); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	b := bytes.Clone(sampleBlock().data)
	b[2] = 2
	fixCRC(b)
	if _, err := DecodeBlock(b); !errors.Is(err, ErrFormat) {
		t.Error("newer version:", err)
	}
}

func FuzzDecodeBlock(f *testing.F) {
	f.Add(sampleBlock().data)
	f.Add([]byte{})
	f.Add(newRemote(2).block(nil, "x").data)
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) >= minBlockBytes {
			data = bytes.Clone(data)
			fixCRC(data)
			binary.BigEndian.PutUint32(data[4:], uint32(len(data)))
			fixCRC(data)
		}
		b, err := DecodeBlock(data)
		if err != nil {
			if b != nil && !errors.Is(err, ErrCorrupt) {
				t.Fatal("block and error")
			}
			return
		}
		var s segment
		joins := false
		for _, e := range entries(t, b) {
			s.add(e.Dot.Time, joins, string(e.Op))
			joins = e.Group
		}
		if again := seal(b.Replica, &s, b.Prev, b.Deps); !bytes.Equal(again.data, data) {
			t.Fatal("accepted, but encodes otherwise")
		}
	})
}
