package peer

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"

	"crdb/crdt"
	"crdb/oplog"
)

const (
	// maxPiece bounds the block bytes in one piece, before compression and
	// after decompression (B1).
	maxPiece = 1 << 20
	// pieceBytes is what a packer puts into one: a step of work, see easing.
	pieceBytes = 64 << 10
	// minPack is the size from which a piece is compressed.
	minPack = 256
	// skipAfterVain is the number of pieces that go as they are after one that
	// compression did not make smaller by an eighth: the next ones will be alike.
	skipAfterVain = 31
)

// errPiece marks pieces that are not what a packer made.
var errPiece = errors.New("malformed piece of a block")

// piece is a block or a part of one as it travels.
type piece struct {
	data    []byte
	rawSize int  // 0: data is as it is; else data is one zstd frame of so many bytes
	more    bool // the next piece continues the block
}

// size returns the number of block bytes in the piece.
func (p piece) size() int {
	if p.rawSize > 0 {
		return p.rawSize
	}
	return len(p.data)
}

// packer makes pieces of blocks. Every piece is compressed once: the result is
// kept for a while, for the links that send the same block a moment later. Any
// goroutine may use it.
type packer struct {
	enc  *zstd.Encoder
	max  int          // bytes to keep, counted before compression
	skip atomic.Int32 // pieces not to try now, because one did not get smaller

	mu struct {
		sync.Mutex
		kept  map[packKey]*packed
		order []packKey // oldest first, from head on
		head  int
		bytes int
	}
}

type packKey struct {
	dot   crdt.Dot // the block's last
	index int
}

type packed struct {
	once  sync.Once
	piece piece
	raw   int
}

func newPacker(max int) *packer {
	enc, err := zstd.NewWriter(nil,
		zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithEncoderCRC(false), // blocks have their own checksum
		zstd.WithEncoderConcurrency(2),
		zstd.WithLowerEncoderMem(true),
		zstd.WithWindowSize(maxPiece))
	if err != nil {
		panic(err) // the options above are constants
	}
	p := &packer{enc: enc, max: max}
	p.mu.kept = map[packKey]*packed{}
	return p
}

// piece returns the i-th piece of b, compressed unless plain is wanted or it
// does not pay. It aliases the block or the packer's memory: read only.
func (p *packer) piece(b *oplog.Block, i int, plain bool) piece {
	data := b.Bytes()[i*pieceBytes:]
	part := data[:min(len(data), pieceBytes)]
	pc := piece{data: part}
	if len(part) >= minPack && !plain {
		pc = p.pack(packKey{crdt.Dot{Time: b.Last, Replica: b.Replica}, i}, part)
	}
	pc.more = len(data) > len(part)
	return pc
}

func (p *packer) pack(key packKey, part []byte) piece {
	e := p.entry(key, len(part))
	e.once.Do(func() {
		e.piece = piece{data: part}
		if n := p.skip.Load(); n > 0 {
			p.skip.Store(n - 1)
			return
		}
		c := p.enc.EncodeAll(part, make([]byte, 0, len(part)/2))
		if len(c) > len(part)-len(part)/8 {
			p.skip.Store(skipAfterVain)
			return
		}
		e.piece = piece{data: c, rawSize: len(part)}
	})
	return e.piece
}

// entry returns the kept piece of that key, or a new one to be filled.
func (p *packer) entry(key packKey, raw int) *packed {
	p.mu.Lock()
	defer p.mu.Unlock()
	m := &p.mu
	if e := m.kept[key]; e != nil {
		return e
	}
	e := &packed{raw: raw}
	m.kept[key] = e
	m.order = append(m.order, key)
	m.bytes += raw
	for m.bytes > p.max && len(m.order)-m.head > 1 {
		old := m.order[m.head]
		m.head++
		m.bytes -= m.kept[old].raw
		delete(m.kept, old)
	}
	if m.head > 1024 && m.head > len(m.order)/2 {
		m.order = m.order[:copy(m.order, m.order[m.head:])]
		m.head = 0
	}
	return e
}

func (p *packer) close() { p.enc.Close() }

// newDecoder returns the decoder shared by the streams of a Replicator. It
// refuses a frame of more than maxPiece bytes before it makes room for it.
func newDecoder() *zstd.Decoder {
	dec, err := zstd.NewReader(nil,
		zstd.WithDecoderConcurrency(2),
		zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxMemory(maxPiece),
		zstd.WithDecoderMaxWindow(maxPiece))
	if err != nil {
		panic(err) // the options above are constants
	}
	return dec
}

// unpacker puts the blocks of one stream together again, or images. Beyond roomBytes
// memory grows as bytes arrive, up to what the block's head says and at most maxBlock (B1): a
// stream of pieces that expand to a thousand times their size ends with the first
// that is no block.
type unpacker struct {
	dec      *zstd.Decoder
	maxBlock int
	sizeOf   func(head []byte) (int, error) // what a block says of its length
	size     int                            // of the block that is coming
	partial  []byte
	room     []byte // for a piece that is decompressed
}

// blocks returns an unpacker for a stream of blocks.
func (r *Replicator) blocks() unpacker {
	return unpacker{dec: r.dec, maxBlock: r.opts.Limits.BlockBytes, sizeOf: oplog.SizeOfBlock}
}

// add takes the next piece and returns the bytes of a block when it is whole.
// They share nothing with the piece.
func (u *unpacker) add(p piece) (block []byte, err error) {
	if p.size() > maxPiece || len(p.data) == 0 {
		return nil, fmt.Errorf("%w: %d bytes", errPiece, p.size())
	}
	raw, whole := p.data, !p.more && len(u.partial) == 0
	if p.rawSize > 0 {
		if raw, err = u.decode(p, whole); err != nil {
			return nil, err
		}
	}
	if err := u.grow(raw); err != nil {
		return nil, err
	}
	switch {
	case whole && p.rawSize > 0:
		return raw, nil
	case len(u.partial) == 0: // what it says is not yet true: room for all of it if that is little
		u.partial = make([]byte, 0, max(len(raw), min(u.size, roomBytes)))
	}
	u.partial = append(u.partial, raw...)
	if p.more {
		return nil, nil
	}
	block, u.partial = u.partial, nil
	return block, nil
}

// decode decompresses a piece: into room that is kept, unless the result is to be.
func (u *unpacker) decode(p piece, keep bool) (raw []byte, err error) {
	to := u.room[:0]
	if keep || p.rawSize > cap(to) {
		to = make([]byte, 0, p.rawSize)
	}
	if raw, err = u.dec.DecodeAll(p.data, to); err != nil {
		return nil, fmt.Errorf("%w: %w", errPiece, err)
	}
	if len(raw) != p.rawSize {
		return nil, fmt.Errorf("%w: %d bytes, %d were announced", errPiece, len(raw), p.rawSize)
	}
	if !keep && cap(raw) <= 2*pieceBytes {
		u.room = raw
	}
	return raw, nil
}

// roomBytes bounds the room that is made for a block because it says how long it
// is.
const roomBytes = 512 << 10

// grow judges whether what is there may grow by the next piece.
func (u *unpacker) grow(raw []byte) (err error) {
	if len(u.partial) == 0 {
		if u.size, err = u.sizeOf(raw); err != nil {
			return err
		}
		if u.size > u.maxBlock {
			return fmt.Errorf("%w: block of more than %d bytes", errPiece, u.maxBlock)
		}
	}
	if n := len(u.partial) + len(raw); n > u.size {
		return fmt.Errorf("%w: %d bytes of a block that says it has %d", errPiece, n, u.size)
	}
	return nil
}
