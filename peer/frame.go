package peer

import (
	"errors"
	"fmt"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"crdb/proto/peerpb"
)

const (
	// maxMessage bounds one message of a stream, as received.
	maxMessage = 4 << 20
	// maxPublish bounds one PUBLISH to other regions, channel and payload.
	maxPublish = 2 << 20
	// byReference is the size from which a piece is handed to gRPC as it is
	// instead of being copied into the message.
	byReference = 16 << 10
)

// Field numbers of FromSource and Piece in proto/peerpb/peer.proto.
const (
	fieldPieces    = 2
	fieldPublishes = 3
	fieldHeartbeat = 4

	fieldData    = 1
	fieldRawSize = 2
	fieldMore    = 3
)

// errFrame marks a message that is no FromSource.
var errFrame = errors.New("malformed message")

// outFrame is a FromSource on its way out. It is written by hand, because the
// pieces are shared between streams and large, and exist as bytes already. It
// is valid protobuf.
type outFrame struct {
	pieces    []piece
	publishes [][]byte // encoded peerpb.Publish
	heartbeat *peerpb.Heartbeat
}

func (f *outFrame) empty() bool {
	return len(f.pieces) == 0 && len(f.publishes) == 0 && f.heartbeat == nil
}

func (f *outFrame) reset() {
	clear(f.pieces)
	clear(f.publishes)
	f.pieces, f.publishes, f.heartbeat = f.pieces[:0], f.publishes[:0], nil
}

// marshal returns the encoded frame. What is small is copied into one pooled
// buffer; large pieces are referenced.
func (f *outFrame) marshal(pool mem.BufferPool) (mem.BufferSlice, error) {
	hb, err := proto.Marshal(f.heartbeat)
	if err != nil {
		return nil, err
	}
	room, large := len(hb)+16, 0
	for _, p := range f.pieces {
		room += 32
		if len(p.data) < byReference {
			room += len(p.data)
		} else {
			large++
		}
	}
	for _, p := range f.publishes {
		room += len(p) + 16
	}
	if large > 0 {
		return f.marshalLarge(hb, room), nil
	}
	buf := pool.Get(room)
	b := (*buf)[:0]
	for _, p := range f.pieces {
		b = append(appendPieceHead(b, p), p.data...)
	}
	*buf = f.appendRest(b, hb)
	return mem.BufferSlice{mem.NewBuffer(buf, pool)}, nil
}

func (f *outFrame) marshalLarge(hb []byte, room int) mem.BufferSlice {
	out := make(mem.BufferSlice, 0, 2*len(f.pieces)+1)
	b := make([]byte, 0, room) // never grows, so what is cut off stays as it is
	for _, p := range f.pieces {
		b = appendPieceHead(b, p)
		if len(p.data) < byReference {
			b = append(b, p.data...)
			continue
		}
		out = append(out, mem.SliceBuffer(b[:len(b):len(b)]), mem.SliceBuffer(p.data))
		b = b[len(b):]
	}
	if b = f.appendRest(b, hb); len(b) > 0 {
		out = append(out, mem.SliceBuffer(b))
	}
	return out
}

// appendPieceHead appends everything of a piece but the data itself, which
// comes last.
func appendPieceHead(b []byte, p piece) []byte {
	n := protowire.SizeTag(fieldData) + protowire.SizeBytes(len(p.data))
	if p.rawSize > 0 {
		n += protowire.SizeTag(fieldRawSize) + protowire.SizeVarint(uint64(p.rawSize))
	}
	if p.more {
		n += protowire.SizeTag(fieldMore) + 1
	}
	b = protowire.AppendTag(b, fieldPieces, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(n))
	if p.rawSize > 0 {
		b = protowire.AppendTag(b, fieldRawSize, protowire.VarintType)
		b = protowire.AppendVarint(b, uint64(p.rawSize))
	}
	if p.more {
		b = protowire.AppendTag(b, fieldMore, protowire.VarintType)
		b = protowire.AppendVarint(b, 1)
	}
	b = protowire.AppendTag(b, fieldData, protowire.BytesType)
	return protowire.AppendVarint(b, uint64(len(p.data)))
}

func (f *outFrame) appendRest(b, hb []byte) []byte {
	for _, p := range f.publishes {
		b = protowire.AppendTag(b, fieldPublishes, protowire.BytesType)
		b = protowire.AppendBytes(b, p)
	}
	if f.heartbeat != nil {
		b = protowire.AppendTag(b, fieldHeartbeat, protowire.BytesType)
		b = protowire.AppendBytes(b, hb)
	}
	return b
}

// inFrame is a FromSource that came in. Its slices alias the message buffer
// until free.
type inFrame struct {
	buf       mem.Buffer
	pieces    []piece
	publishes [][]byte
	heartbeat []byte // nil: none
}

func (f *inFrame) free() {
	if f.buf != nil {
		f.buf.Free()
		f.buf = nil
	}
	clear(f.pieces)
	clear(f.publishes)
	f.pieces, f.publishes, f.heartbeat = f.pieces[:0], f.publishes[:0], nil
}

// hold keeps the message until free.
func (f *inFrame) hold(data mem.BufferSlice, pool mem.BufferPool) {
	f.buf = data.MaterializeToBuffer(pool)
}

// parse finds the parts of the message. It is not done by the codec, whose
// errors gRPC turns into text.
func (f *inFrame) parse() error {
	b, err := openMessage(f.buf.ReadOnlyData())
	if err != nil {
		return err
	}
	return eachField(b, func(num protowire.Number, _ uint64, v []byte) error {
		switch num {
		case fieldPieces:
			p, err := parsePiece(v)
			f.pieces = append(f.pieces, p)
			return err
		case fieldPublishes:
			f.publishes = append(f.publishes, v)
		case fieldHeartbeat:
			f.heartbeat = v
		}
		return nil
	})
}

func parsePiece(b []byte) (p piece, err error) {
	err = eachField(b, func(num protowire.Number, n uint64, v []byte) error {
		switch num {
		case fieldData:
			p.data = v
		case fieldRawSize:
			if n > maxPiece {
				return fmt.Errorf("%w: %d bytes", errPiece, n)
			}
			p.rawSize = int(n)
		case fieldMore:
			p.more = n != 0
		}
		return nil
	})
	return p, err
}

// eachField calls f for the fields of a protobuf message: n is the value of a
// varint field, v the contents of a length-delimited one. Others are skipped.
func eachField(b []byte, f func(num protowire.Number, n uint64, v []byte) error) error {
	for len(b) > 0 {
		num, typ, k := protowire.ConsumeTag(b)
		if k < 0 {
			return fmt.Errorf("%w: tag", errFrame)
		}
		b = b[k:]
		var n uint64
		var v []byte
		switch typ {
		case protowire.VarintType:
			n, k = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			v, k = protowire.ConsumeBytes(b)
		default:
			k = protowire.ConsumeFieldValue(num, typ, b)
		}
		if k < 0 {
			return fmt.Errorf("%w: field %d", errFrame, num)
		}
		b = b[k:]
		if typ != protowire.VarintType && typ != protowire.BytesType {
			continue
		}
		if err := f(num, n, v); err != nil {
			return err
		}
	}
	return nil
}
