package rdb

// expandLZF undoes LibLZF's compression to a text of a known size.
func expandLZF(in []byte, size uint64) (out []byte, ok bool) {
	for len(in) > 0 && uint64(len(out)) <= size {
		ctrl := int(in[0])
		in = in[1:]
		if ctrl < 32 { // a run of ctrl+1 literal bytes
			if len(in) <= ctrl {
				return nil, false
			}
			out, in = append(out, in[:ctrl+1]...), in[ctrl+1:]
			continue
		}
		n, at := ctrl>>5, (ctrl&31)<<8
		if n == 7 && len(in) > 0 {
			n += int(in[0])
			in = in[1:]
		}
		if len(in) == 0 {
			return nil, false
		}
		at = len(out) - at - int(in[0]) - 1
		in = in[1:]
		if at < 0 {
			return nil, false
		}
		for i := range n + 2 { // may overlap what it appends
			out = append(out, out[at+i])
		}
	}
	return out, size > 0 && uint64(len(out)) == size
}
