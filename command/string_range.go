package command

import "math"

func stringGetRange(c *Context) {
	start, ok := c.argInt(2)
	if !ok {
		return
	}
	end, ok := c.argInt(3)
	if !ok {
		return
	}
	val, _, err := c.Tx.Peek(c.Args[1])
	if err != nil {
		c.Error(err)
		return
	}
	c.Out.Bulk(cutRange(val, start, end))
}

// cutRange returns val[start..end], both ends included; negative positions
// count from the end.
func cutRange(val []byte, start, end int64) []byte {
	size := int64(len(val))
	if start < 0 && end < 0 && start > end {
		return nil
	}
	if start < 0 {
		start = max(start+size, 0)
	}
	if end < 0 {
		end = max(end+size, 0)
	}
	end = min(end, size-1)
	if start > end {
		return nil
	}
	return val[start : end+1]
}

// maxAppended bounds the strings that are appended to in place, in bytes.
const maxAppended = 4 << 20

func stringAppend(c *Context) {
	key, more := c.Args[1], c.Args[2]
	old, ok, err := c.Tx.Peek(key)
	if err != nil {
		c.Error(err)
		return
	}
	if !ok {
		c.Tx.Put(key, more, expiryNone)
		c.event(evString, "append", key)
		c.Out.Int(int64(len(more)))
		return
	}
	if !fitsString(c, int64(len(old)), int64(len(more))) {
		return
	}
	size := len(old) + len(more)
	if c.Tx.Editable() && len(more) > 0 && size <= maxAppended {
		c.Tx.Edit(len(old), more)
	} else {
		val := make([]byte, 0, size)
		c.Tx.PutEdited(key, append(append(val, old...), more...), len(old), len(more))
	}
	c.event(evString, "append", key)
	c.Out.Int(int64(size))
}

func stringSetRange(c *Context) {
	offset, ok := c.argInt(2)
	if !ok {
		return
	}
	if offset < 0 {
		c.Out.Error("ERR offset is out of range")
		return
	}
	key, patch := c.Args[1], c.Args[3]
	old, _, err := c.Tx.Peek(key)
	if err != nil {
		c.Error(err)
		return
	}
	if len(patch) == 0 {
		c.Out.Int(int64(len(old)))
		return
	}
	if !fitsString(c, offset, int64(len(patch))) {
		return
	}
	end := offset + int64(len(patch))
	switch gap := int(offset) - len(old); {
	case gap >= minGap:
		putBehind(c, old, gap, patch)
	case c.Tx.Editable() && end <= int64(len(old)):
		c.Tx.Edit(int(offset), patch)
	default:
		c.Tx.PutEdited(key, overwrite(old, int(offset), patch), int(offset), len(patch))
	}
	c.Out.Int(max(int64(len(old)), end))
	c.event(evString, "setrange", key)
}

// minGap is from how many zeros on, in bytes, a gap is left out of the log.
const minGap = 64 << 10

// putBehind writes old, a gap of zeros and more to the key. The zeros cost
// memory, as they do in Redis, when they are written to, and nothing else.
func putBehind(c *Context, old []byte, gap int, more []byte) {
	val := append(append(make([]byte, 0, len(old)+len(more)), old...), more...)
	c.Tx.PutGap(c.Args[1], val, len(old), gap, expiryKeep)
}

// overwrite returns a copy of old with patch laid over it at offset, and zeros
// between the two if there is a gap. The caller has checked the size.
func overwrite(old []byte, offset int, patch []byte) []byte {
	val := make([]byte, max(len(old), offset+len(patch)))
	copy(val, old)
	copy(val[offset:], patch)
	return val
}

// fitsString says whether a string of size plus more bytes is allowed, and
// replies the error if not.
func fitsString(c *Context, size, more int64) bool {
	if size > math.MaxInt64-more || size+more > c.maxBulk() {
		c.Out.Error(msgStringTooLong)
		return false
	}
	return true
}
