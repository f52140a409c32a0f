package engine

import (
	"encoding/binary"
	"fmt"

	"crdb/crdt"
)

// A checkpoint saves a large string in pieces, each a record behind the key's own.
// None of them is copied under the partition's lock, since nobody ever changes the
// bytes of a string; and none is so large that who copies it in one go, as the store
// does again and again, keeps the runtime from stopping it, and so everybody.
//
// The record of such a key is a header without these strings:
//
//	byte     formApart
//	uvarint  how many strings are left out; each
//	         uvarint its place in what is left, uvarint its length
//	         what is left of the header
//
// A piece has kind TypeString, and as its name where it belongs among all bytes
// left out: 8 bytes, big endian.
const formApart = 3

// header saves the record of an object that is not flat.
func (w *saver) header(r int, n *entry, o *object) {
	var parts []crdt.Part
	w.buf, parts = o.AppendHeaderApart(w.buf[:0], w.e.opts.Sizes.ApartBytes)
	if o.pieces {
		w.dropElems(r, n.db, n.key, crdt.TypeString, crdt.TypeString+1)
	}
	o.pieces = len(parts) > 0
	w.key = stateKey(w.key, r, n.db, n.key, 0)
	if !o.pieces {
		w.put(w.buf)
		return
	}
	w.put(appendApart(w.buf, parts))
	at := 0
	for _, p := range parts {
		for v := p.Bytes; len(v) > 0; {
			k := min(len(v), w.e.opts.Sizes.PieceBytes)
			w.key = stateKey(w.key, r, n.db, n.key, byte(crdt.TypeString))
			w.key = binary.BigEndian.AppendUint64(w.key, uint64(at))
			w.c.PutLater(w.key, v[:k])
			w.bytes += int64(len(w.key) + k)
			v, at = v[k:], at+k
		}
	}
}

// appendApart makes the record of a header without its parts.
func appendApart(left []byte, parts []crdt.Part) []byte {
	b := binary.AppendUvarint([]byte{formApart}, uint64(len(parts)))
	for _, p := range parts {
		b = binary.AppendUvarint(b, uint64(p.At))
		b = binary.AppendUvarint(b, uint64(len(p.Bytes)))
	}
	return append(b, left...)
}

// joiner puts a header and its strings together again. Memory grows with the
// pieces that come.
type joiner struct {
	left   []byte
	parts  []crdt.Part // their bytes are missing
	sizes  []uint64
	pieces [][]byte
	have   uint64
	want   uint64
}

// newJoiner takes the record apart.
func newJoiner(rec []byte) (*joiner, error) {
	j, b := &joiner{}, rec[1:]
	num := func() (v uint64, ok bool) {
		v, k := binary.Uvarint(b)
		if k <= 0 {
			return 0, false
		}
		b = b[k:]
		return v, true
	}
	n, ok := num()
	for ; ok && n > 0; n-- {
		at, okAt := num()
		size, okSize := num()
		if ok = okAt && okSize && size < 1<<40; ok {
			j.parts, j.sizes = append(j.parts, crdt.Part{At: int(at)}), append(j.sizes, size)
			j.want += size
		}
	}
	last := 0
	for _, p := range j.parts {
		ok = ok && p.At >= last && p.At <= len(b)
		last = p.At
	}
	if !ok {
		return nil, fmt.Errorf("%w: header with strings apart", errState)
	}
	j.left = append([]byte(nil), b...)
	return j, nil
}

// piece takes the next piece.
func (j *joiner) piece(name, value []byte) error {
	if len(name) != 8 || binary.BigEndian.Uint64(name) != j.have || j.want-j.have < uint64(len(value)) {
		return fmt.Errorf("%w: piece of a string", errState)
	}
	j.pieces = append(j.pieces, append([]byte(nil), value...))
	j.have += uint64(len(value))
	return nil
}

// header returns the whole header, once all pieces are there.
func (j *joiner) header() ([]byte, error) {
	if j.have != j.want {
		return nil, fmt.Errorf("%w: pieces of a string are missing", errState)
	}
	b := make([]byte, 0, len(j.left)+int(j.want))
	at := 0
	for i, p := range j.parts {
		b = append(b, j.left[at:p.At]...)
		at = p.At
		for end := len(b) + int(j.sizes[i]); len(b) < end; {
			if len(j.pieces) == 0 || len(b)+len(j.pieces[0]) > end {
				return nil, fmt.Errorf("%w: pieces of two strings in one", errState)
			}
			b = append(b, j.pieces[0]...)
			j.pieces[0], j.pieces = nil, j.pieces[1:]
		}
	}
	return append(b, j.left[at:]...), nil
}
