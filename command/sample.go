package command

// drawTries bounds how often a sample is drawn before it is filled up in the
// order of the collection instead: reached only if the draws are unfair.
const drawTries = 64

// collection is what a sample is taken from: a set's members or a hash's
// fields with their values (value is nil for a set).
type collection struct {
	size int
	draw func() (name, value []byte)
	each func(fn func(name, value []byte) bool)
}

// sample hands k different elements to take, for 0 < k < size. It draws the
// smaller of the two parts, those to take or those to leave out, until it has
// enough different ones: at most half of the collection, so few draws are in
// vain. Memory follows the collection's size, never a number from a client.
func (s *collection) sample(k int, take func(name, value []byte)) {
	leaveOut := 2*k > s.size
	want := k
	if leaveOut {
		want = s.size - k
	}
	drawn := make(map[string]struct{})
	for tries := drawTries * (want + 1); len(drawn) < want && tries > 0; tries-- {
		name, value := s.draw()
		if _, ok := drawn[string(name)]; ok {
			continue
		}
		drawn[string(name)] = struct{}{}
		if !leaveOut {
			take(name, value)
		}
	}
	left := k
	if !leaveOut {
		left -= len(drawn)
	}
	if left == 0 {
		return
	}
	s.each(func(name, value []byte) bool {
		if _, ok := drawn[string(name)]; !ok {
			take(name, value)
			left--
		}
		return left > 0
	})
}

// maxRandomReply bounds the reply to a negative count, which may ask for any
// number of elements of a small collection.
const maxRandomReply = 256 << 20

const msgReplyTooLong = "ERR reply exceeds maximum allowed size"

// minBulk is the size of the shortest bulk string in a reply.
const minBulk = len("$0\r\n\r\n")

// repeat replies n elements drawn independently by write, which adds one as
// width bulk strings or as an array. A reply beyond maxRandomReply becomes an
// error.
func repeat(c *Context, n int64, width int, write func()) {
	start := len(c.Out.Buf)
	if n <= maxRandomReply/int64(minBulk*width) {
		c.Out.Array(int(n) * width)
		for ; n > 0 && !c.Out.Over && len(c.Out.Buf)-start <= maxRandomReply; n-- {
			write()
		}
		if n == 0 {
			return
		}
	}
	c.Out.Buf = c.Out.Buf[:start]
	c.Out.Error(msgReplyTooLong)
}
