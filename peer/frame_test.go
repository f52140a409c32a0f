package peer

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	"crdb/oplog"
	"crdb/proto/peerpb"
)

// marshalFrame returns a frame without its checksum, parseFrame takes one.
func marshalFrame(t testing.TB, f *outFrame) []byte {
	t.Helper()
	data, err := codec{}.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	defer data.Free()
	b, err := openMessage(data.Materialize())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func parseFrame(data []byte) (*inFrame, error) {
	f := &inFrame{}
	if err := (codec{}).Unmarshal(sealMessage(mem.BufferSlice{mem.SliceBuffer(data)}), f); err != nil {
		return nil, err
	}
	return f, f.parse()
}

// TestFramesAreProtobuf: what is written and read by hand is what the
// generated code writes and reads.
func TestFramesAreProtobuf(t *testing.T) {
	large := bytes.Repeat([]byte("large"), byReference)
	hb := &peerpb.Heartbeat{ClockMs: -5, Durable: []byte{0}, Rows: []*peerpb.Row{{Replica: 3}}}
	pub := &peerpb.Publish{Channel: []byte("c"), Payload: []byte("p")}
	pubBytes, _ := proto.Marshal(pub)
	small := []piece{{data: []byte("a")}, {data: []byte("bc"), rawSize: 300}, {data: []byte("d"), more: true}}
	for name, f := range map[string]*outFrame{
		"empty":     {},
		"pieces":    {pieces: small},
		"heartbeat": {heartbeat: hb},
		"all":       {pieces: small, publishes: [][]byte{pubBytes, pubBytes}, heartbeat: hb},
		"large":     {pieces: []piece{small[0], {data: large}, small[1], {data: large, rawSize: 1 << 20, more: true}}, publishes: [][]byte{pubBytes}, heartbeat: hb},
		"large end": {pieces: []piece{{data: large}}},
	} {
		t.Run(name, func(t *testing.T) {
			want := &peerpb.FromSource{Heartbeat: f.heartbeat}
			for _, p := range f.pieces {
				want.Pieces = append(want.Pieces, &peerpb.Piece{Data: p.data, RawSize: uint32(p.rawSize), More: p.more})
			}
			for range f.publishes {
				want.Publishes = append(want.Publishes, pub)
			}
			data := marshalFrame(t, f)
			var got peerpb.FromSource
			if err := proto.Unmarshal(data, &got); err != nil || !proto.Equal(&got, want) {
				t.Fatalf("%v\n got %v\nwant %v", err, &got, want)
			}
			theirs, err := proto.Marshal(want)
			if err != nil {
				t.Fatal(err)
			}
			for _, data := range [][]byte{data, theirs} {
				in, err := parseFrame(data)
				if err != nil {
					t.Fatal(err)
				}
				if !slices.EqualFunc(in.pieces, f.pieces, func(a, b piece) bool {
					return bytes.Equal(a.data, b.data) && a.rawSize == b.rawSize && a.more == b.more
				}) || len(in.publishes) != len(f.publishes) || (in.heartbeat != nil) != (f.heartbeat != nil) {
					t.Fatalf("read %+v", in)
				}
				in.free()
			}
		})
	}
}

// TestDamagedMessages: no bit of a message flips unseen, and none may be missing.
func TestDamagedMessages(t *testing.T) {
	data, err := codec{}.Marshal(&peerpb.FromFollower{Ack: &peerpb.Ack{Durable: []byte("vector"), Taken: 1}})
	if err != nil {
		t.Fatal(err)
	}
	good := data.Materialize()
	read := func(b []byte) error {
		return codec{}.Unmarshal(mem.BufferSlice{mem.SliceBuffer(b)}, &peerpb.FromFollower{})
	}
	if err := read(good); err != nil {
		t.Fatal(err)
	}
	for bit := range 8 * len(good) {
		bad := bytes.Clone(good)
		bad[bit/8] ^= 1 << (bit % 8)
		if read(bad) != errChecksum || (&inFrame{buf: mem.SliceBuffer(bad)}).parse() != errChecksum {
			t.Fatal("bit", bit, "flipped unseen")
		}
	}
	for n := range good {
		if read(good[:n]) != errChecksum {
			t.Fatal("only", n, "bytes")
		}
	}
}

// TestFrameVector freezes one encoding.
func TestFrameVector(t *testing.T) {
	data := marshalFrame(t, &outFrame{
		pieces:    []piece{{data: []byte("AB"), rawSize: 300, more: true}},
		publishes: [][]byte{{0x0a, 0x01, 'c'}},
	})
	want := "12" + "09" + // field 2, 9 bytes: a piece
		"10ac02" + // raw size 300
		"1801" + // more
		"0a024142" + // data
		"1a" + "03" + "0a0163" // field 3: a PUBLISH
	if got := hex.EncodeToString(data); got != want {
		t.Fatalf("got  %s\nwant %s", got, want)
	}
}

// TestFrameTruncations: no prefix of a frame crashes the reader.
func TestFrameTruncations(t *testing.T) {
	data := marshalFrame(t, &outFrame{
		pieces:    []piece{{data: bytes.Repeat([]byte("x"), 50), rawSize: 300}, {data: []byte("y")}},
		publishes: [][]byte{{0x0a, 0x01, 'c'}}, heartbeat: &peerpb.Heartbeat{ClockMs: 1},
	})
	for n := range data {
		if f, err := parseFrame(data[:n:n]); err == nil {
			f.free()
		}
	}
	for _, bad := range []string{"12ffffffffffffffffff01", "ff", "12", "0b", "120310ffff", "1205108080808010"} {
		b, _ := hex.DecodeString(bad)
		if _, err := parseFrame(b); err == nil {
			t.Errorf("%s accepted", bad)
		}
	}
}

func FuzzFrame(f *testing.F) {
	f.Add(marshalFrame(f, &outFrame{
		pieces:    []piece{{data: []byte("x"), rawSize: 300}, {data: []byte("y"), more: true}},
		publishes: [][]byte{{0x0a, 0x01, 'c'}}, heartbeat: &peerpb.Heartbeat{ClockMs: 1},
	}))
	dec := newDecoder()
	f.Fuzz(func(t *testing.T, data []byte) {
		in, err := parseFrame(data)
		if err != nil {
			return
		}
		u := unpacker{dec: dec, maxBlock: 1 << 16, sizeOf: oplog.SizeOfBlock}
		for _, p := range in.pieces {
			block, err := u.add(p)
			if err != nil {
				return
			}
			if len(u.partial) > 1<<16 || len(block) > 1<<16 {
				t.Fatal("B1: more than a block may have")
			}
			if block != nil {
				_, _ = oplog.DecodeBlock(block)
			}
		}
	})
}

// TestPackRoundTrip: blocks of all sizes come back as they were, compressed or
// plain, and are compressed once.
func TestPackRoundTrip(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	dec := newDecoder()
	defer dec.Close()
	u := unpacker{dec: dec, maxBlock: 1 << 30, sizeOf: oplog.SizeOfBlock}
	for _, size := range []int{1, minPack, 5000, maxPiece - 100, maxPiece, maxPiece + 1, 3 * maxPiece} {
		for _, noisy := range []bool{false, true} {
			op := make([]byte, size)
			for i := range op {
				if noisy || i%10 == 0 {
					op[i] = byte(rnd.Uint32())
				}
			}
			b := blockOf(t, 1, string(op))
			p := newPacker(1 << 20)
			defer p.close()
			for _, plain := range []bool{false, true, false} {
				var got []byte
				wire := 0
				for i, more := 0, true; more; i++ {
					pc := p.piece(b, i, plain)
					data, err := u.add(pc)
					if err != nil {
						t.Fatal(err)
					}
					wire += len(pc.data)
					got, more = data, pc.more
				}
				if !bytes.Equal(got, b.Bytes()) {
					t.Fatalf("size %d: another block came out", size)
				}
				if size >= 5000 && !noisy && (wire < len(got)/2) == plain {
					t.Errorf("size %d plain %v: %d bytes on the wire", size, plain, wire)
				}
			}
			if p.mu.bytes > 1<<20+maxPiece || len(p.mu.kept) != len(p.mu.order)-p.mu.head {
				t.Errorf("B1: %d bytes in %d pieces kept", p.mu.bytes, len(p.mu.kept))
			}
		}
	}
}

// TestPackOnce: two links that send the same block share the bytes.
func TestPackOnce(t *testing.T) {
	p := newPacker(1 << 20)
	defer p.close()
	b := blockOf(t, 1, string(bytes.Repeat([]byte("abc"), 1000)))
	one, two := p.piece(b, 0, false), p.piece(b, 0, false)
	if one.rawSize == 0 || &one.data[0] != &two.data[0] {
		t.Fatal("compressed twice")
	}
}

// TestPackKeepsLittle: kept pieces go when newer ones come.
func TestPackKeepsLittle(t *testing.T) {
	p := newPacker(10 << 10)
	defer p.close()
	log := openLog(t, vfs.NewMem(), "db", 1, func() int64 { return 1000 })
	for i := range 3000 {
		log.Append(fmt.Appendf(nil, "%d %s", i, bytes.Repeat([]byte("z"), 900)))
		if i%2 == 0 {
			syncLog(t, log)
		}
	}
	syncLog(t, log)
	n := 0
	err := log.Replay(nil, func(b *oplog.Block) error {
		n++
		p.piece(b, 0, false)
		if p.mu.bytes > 10<<10+len(b.Bytes()) || len(p.mu.kept) > 20 || len(p.mu.order) > 2100 {
			return fmt.Errorf("B1: %d pieces with %d bytes kept, list of %d", len(p.mu.kept), p.mu.bytes, len(p.mu.order))
		}
		return nil
	})
	if err != nil || n < 100 {
		t.Fatal(n, err)
	}
}
