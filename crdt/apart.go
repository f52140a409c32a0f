package crdt

// Part is bytes that belong at a place of an encoding that leaves them out.
type Part struct {
	At    int // in what is left
	Bytes []byte
}

// apart takes large values out of an encoding. Nil takes none.
type apart struct {
	from  int // bytes of a value to take
	parts []Part
}

// append appends a value, or takes it.
func (a *apart) append(b, value []byte) []byte {
	if a == nil || len(value) < a.from {
		return append(b, value...)
	}
	a.parts = append(a.parts, Part{len(b), value})
	return b
}

// AppendHeaderApart is AppendHeader without the strings of at least from bytes.
// It returns them as they are, with their places in b: nobody ever changes their
// bytes, so that they can be copied when the key is not locked any more.
func (o *Object) AppendHeaderApart(b []byte, from int) (left []byte, parts []Part) {
	a := apart{from: from}
	left = o.appendHeader(b, &a)
	return left, a.parts
}

// copyStep is how much Copy copies at a time.
const copyStep = 256 << 10

// Copy is copy for what may be hundreds of megabytes. The runtime cannot stop a
// goroutine in the midst of a copy: where a garbage collection wants to begin or
// end meanwhile, all others stand still until the copy has ended.
func Copy(dst, src []byte) (n int) {
	for len(src) > copyStep {
		k := copy(dst[n:], src[:copyStep])
		if n += k; k < copyStep {
			return n
		}
		src = src[copyStep:]
	}
	return n + copy(dst[n:], src)
}
