package dict

import (
	"encoding/binary"
	"math/bits"
)

const (
	k0 = 0xa0761d6478bd642f
	k1 = 0xe7037ed1a0b428db
	k2 = 0x8ebc6af09c88c6e3
)

func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// Hash returns a 64-bit hash of b, keyed by seed, in the multiply-and-fold
// manner of wyhash. A secret seed keeps clients from making keys collide: both
// factors of every product depend on it. With a known constant for one of them
// a client could make that factor zero, and with it every other byte irrelevant.
func Hash(seed uint64, b []byte) uint64 {
	n := uint64(len(b))
	h := mix(seed^k0, k1)
	k := mix(seed^k1, k2)
	for len(b) > 16 {
		h = mix(binary.LittleEndian.Uint64(b)^k, binary.LittleEndian.Uint64(b[8:])^h)
		b = b[16:]
	}
	var x, y uint64
	switch {
	case len(b) >= 8:
		x, y = binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[len(b)-8:])
	case len(b) >= 4:
		x, y = uint64(binary.LittleEndian.Uint32(b)), uint64(binary.LittleEndian.Uint32(b[len(b)-4:]))
	case len(b) > 0:
		x = uint64(b[0]) | uint64(b[len(b)/2])<<8 | uint64(b[len(b)-1])<<16
	}
	return mix(k2^n, mix(x^k, y^h))
}
