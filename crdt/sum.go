package crdt

import (
	"encoding/binary"

	"crdb/crdt/dict"
)

// Sum is a hash of all that is kept of the key, live or not, but its context:
// what two instances store of a key that has the same sum at both can take each
// other's place. It says more than Digest, which is for comparing instances that
// have forgotten different things.
func (o *Object) Sum() uint64 {
	b := appendCell(nil, &o.Cell)
	for _, d := range o.Deadlines {
		b = binary.BigEndian.AppendUint64(AppendDot(b, d.Dot), uint64(d.At))
	}
	sum := dict.Hash(digestSeed, b)
	for _, p := range o.parts {
		all := uint64(0)
		p.coll.each(func(name, rec []byte) { all += dict.Hash(dict.Hash(digestSeed+uint64(p.typ), name), rec) })
		sum = dict.Hash(sum+uint64(p.typ), binary.BigEndian.AppendUint64(nil, all))
	}
	return sum
}
