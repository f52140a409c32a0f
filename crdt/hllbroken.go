package crdt

// RaiseBroken raises one register in a string that CheckRedis accepts and
// ParseRedis does not, as Redis does: it looks at the opcodes up to the
// register's only, so a string whose opcodes cover too little, or too much, can
// still be added to. limit is the longest sparse form. The string may be changed
// in place.
func RaiseBroken(b []byte, register int, value byte, limit int) (out []byte, changed bool, err error) {
	if value > maxSparseOp {
		return b, false, ErrCorruptSketch // Redis fails to leave the sparse form
	}
	at, before, first := formSize, formSize, 0
	var op sparseOp
	for ; ; at, first, before = at+op.size, first+op.n, at {
		if at >= len(b) {
			return b, false, ErrCorruptSketch
		}
		if op = sparseOpAt(b[at:]); register < first+op.n {
			break
		}
	}
	if op.value >= value {
		return b, false, nil
	}
	var seq []byte
	seq = appendRun(seq, op.value, register-first)
	seq = appendRun(seq, value, 1)
	seq = appendRun(seq, op.value, first+op.n-1-register)
	size := len(b) + len(seq) - op.size
	if len(seq) > op.size && size > limit {
		return b, false, ErrCorruptSketch
	}
	rest := append(seq, b[min(at+op.size, len(b)):]...)
	out = append(b[:at], rest...)[:size] // an opcode that was cut off stays so
	out = joinValues(out, before)
	out[formSize-1] |= 0x80 // the count that it carries is stale
	return out, true, nil
}

// sparseOp is an opcode: n registers of one value.
type sparseOp struct {
	n     int
	value byte
	size  int // in bytes; 2 also of a long one whose second byte is missing, which counts as 0
}

func sparseOpAt(b []byte) sparseOp {
	switch op := b[0]; {
	case op>>6 == 0:
		return sparseOp{int(op) + 1, 0, 1}
	case op>>6 == 1 && len(b) > 1:
		return sparseOp{int(op&63)<<8 + int(b[1]) + 1, 0, 2}
	case op>>6 == 1:
		return sparseOp{int(op&63)<<8 + 1, 0, 2}
	default:
		return sparseOp{int(op&3) + 1, op>>2&31 + 1, 1}
	}
}

// appendRun appends the opcode of a run of at most as many registers as one can
// hold.
func appendRun(b []byte, value byte, n int) []byte {
	if n == 0 || value == 0 {
		return appendZeros(b, n)
	}
	return append(b, 0x80|(value-1)<<2|byte(n-1))
}

// joinValues joins neighbours of one value among the few opcodes from at on.
func joinValues(b []byte, at int) []byte {
	const looked = 5
	for i := 0; i < looked && at < len(b); i++ {
		op := sparseOpAt(b[at:])
		if op.value == 0 || at+1 == len(b) {
			at += op.size
			continue
		}
		next := sparseOpAt(b[at+1:])
		if next.value != op.value || next.n+op.n > maxValues {
			at++
			continue
		}
		b[at+1] = 0x80 | (op.value-1)<<2 | byte(op.n+next.n-1)
		b = append(b[:at], b[at+1:]...)
	}
	return b
}
