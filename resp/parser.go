package resp

import (
	"bytes"
	"math"
)

// Parser cuts commands out of a byte stream. The zero value is ready. It
// belongs to one connection and is not safe for concurrent use.
//
// Between calls it keeps only offsets, so the caller may move its buffer, but
// the bytes from the start of an unfinished command must stay the same.
type Parser struct {
	args  [][]byte // what Next returned last
	spans []span   // arguments of the unfinished command found so far
	pos   int      // how far the unfinished command has been read
	want  int      // arguments still missing; 0: the header is not read yet
	bulk  int      // length of the argument at pos, or noBulk
	inner int      // how far beyond pos the search for a line end has looked

	scratch []byte // unescaped inline arguments
}

// span is an argument's place in the buffer.
type span struct{ start, end int }

const (
	noBulk = -1

	// Room for more than keepArgs arguments is given back at the first
	// smaller command, room for more than dropArgs at once.
	keepArgs = 256
	dropArgs = 16 << 10

	// keepScratch bounds what a Parser keeps for inline commands.
	keepScratch = 4 << 10
)

// Next cuts one command from the start of buf.
//
// used is how many bytes the command took; zero without an error means that
// more bytes are needed, and the next call must be handed the same bytes with
// more behind them. args is nil with used > 0 for an empty command, which is
// to be skipped. args alias buf (or the Parser) and are valid until the next
// call. err is always a *ProtocolError and is final.
func (p *Parser) Next(buf []byte, lim Limits) (args [][]byte, used int, err error) {
	if p.want == 0 {
		if len(buf) == 0 {
			return nil, 0, nil
		}
		lim = lim.filled()
		if buf[0] != '*' {
			return p.inline(buf, lim)
		}
		done, err := p.header(buf, lim)
		if err != nil {
			return nil, 0, err
		}
		if !done {
			return nil, 0, nil
		}
		if p.want == 0 {
			used = p.pos
			p.reset()
			return nil, used, nil
		}
	} else {
		lim = lim.filled()
	}
	for p.want > 0 {
		more, err := p.argument(buf, &lim)
		if err != nil {
			return nil, 0, err
		}
		if more {
			if len(buf) > lim.MaxQuery {
				return nil, 0, errQuery
			}
			return nil, 0, nil
		}
	}
	return p.finish(buf), p.take(), nil
}

// header reads the "*N" line. It leaves want at zero for N <= 0.
func (p *Parser) header(buf []byte, lim Limits) (done bool, err error) {
	n, next, ok := quickLength(buf, 1)
	if !ok {
		var line []byte
		line, next = p.line(buf, 0)
		if next == 0 || len(line) > lim.MaxInline {
			return false, tooLong(len(line), lim.MaxInline, errMultibulkCount)
		}
		if n, ok = parseLength(line[1:]); !ok {
			return false, errMultibulkLen
		}
	}
	if n > math.MaxInt32 {
		return false, errMultibulkLen
	}
	if n > lim.MaxArgs {
		if lim.Unauthenticated {
			return false, errMultibulkAuth
		}
		return false, errMultibulkLen
	}
	p.pos, p.bulk, p.inner = next, noBulk, 0
	p.want = max(n, 0)
	return true, nil
}

// argument reads the argument at pos. more says that it is not all there.
func (p *Parser) argument(buf []byte, lim *Limits) (more bool, err error) {
	if p.bulk == noBulk {
		done, err := p.bulkHeader(buf, lim)
		if err != nil || !done {
			return true, err
		}
	}
	if p.bulk > lim.MaxQuery-p.pos-2 {
		return false, errQuery
	}
	end := p.pos + p.bulk
	if end+2 > len(buf) {
		return true, nil
	}
	// Like redis, take the two bytes behind the argument for what they are
	// meant to be.
	p.spans = append(p.spans, span{p.pos, end})
	p.pos, p.bulk = end+2, noBulk
	p.want--
	return false, nil
}

// bulkHeader reads the "$N" line at pos.
func (p *Parser) bulkHeader(buf []byte, lim *Limits) (done bool, err error) {
	if p.pos >= len(buf) {
		return false, nil
	}
	n, next, ok := 0, 0, false
	if buf[p.pos] == '$' {
		n, next, ok = quickLength(buf, p.pos+1)
	}
	if !ok {
		var line []byte
		line, next = p.line(buf, p.pos)
		if next == 0 || len(line) > lim.MaxInline {
			return false, tooLong(len(line), lim.MaxInline, errBulkCount)
		}
		if buf[p.pos] != '$' {
			return false, errExpectedDollar(buf[p.pos])
		}
		if n, ok = parseLength(line[1:]); !ok || n < 0 {
			return false, errBulkLen
		}
	}
	if n > lim.MaxBulk {
		if lim.Unauthenticated && n <= PostAuth.MaxBulk {
			return false, errBulkAuth
		}
		return false, errBulkLen
	}
	p.pos, p.bulk, p.inner = next, n, 0
	return true, nil
}

// line returns the line at from without its end, and where the next begins:
// zero if the end is not there yet. Then line is what there is of it so far.
func (p *Parser) line(buf []byte, from int) (line []byte, next int) {
	i := bytes.IndexByte(buf[from+p.inner:], '\r')
	if i < 0 {
		p.inner = len(buf) - from
		return buf[from:], 0
	}
	p.inner += i
	end := from + p.inner
	if end+2 > len(buf) {
		return buf[from:end], 0
	}
	return buf[from:end], end + 2
}

// tooLong is err for an overlong length line, nil for one that may still end.
func tooLong(n, limit int, err *ProtocolError) error {
	if n > limit {
		return err
	}
	return nil
}

// finish makes the arguments of the finished command from their places.
func (p *Parser) finish(buf []byte) [][]byte {
	if cap(p.args) > keepArgs && len(p.spans) <= keepArgs {
		p.args = nil // too much room for a small command
	}
	p.args = p.args[:0]
	for _, s := range p.spans {
		p.args = append(p.args, buf[s.start:s.end:s.end])
	}
	return p.args
}

// Forget lets go of the arguments that Next returned last, and so of the buffer
// that they alias.
func (p *Parser) Forget() {
	if clear(p.args[:cap(p.args)]); cap(p.args) > keepArgs {
		p.args = nil
	}
}

// take ends the command and returns how many bytes it took.
func (p *Parser) take() int {
	used := p.pos
	p.reset()
	return used
}

// reset makes the Parser ready for the next command.
func (p *Parser) reset() {
	if n := len(p.spans); n > dropArgs || cap(p.spans) > keepArgs && n <= keepArgs {
		p.spans = nil
	}
	p.spans = p.spans[:0]
	p.pos, p.want, p.bulk, p.inner = 0, 0, noBulk, 0
}

// quickLength reads the common form of a length line from i: up to seven
// digits and the line end, all there. Everything else is not ok and is left
// to parseLength, which knows every rule.
func quickLength(buf []byte, i int) (n, next int, ok bool) {
	start := i
	for ; i < len(buf) && i-start < 8; i++ {
		c := buf[i] - '0'
		if c > 9 {
			break
		}
		n = n*10 + int(c)
	}
	digits := i - start
	if digits == 0 || digits > 7 || i+2 > len(buf) || buf[i] != '\r' {
		return 0, 0, false
	}
	if buf[start] == '0' && digits > 1 {
		return 0, 0, false
	}
	return n, i + 2, true
}

// parseLength reads a decimal integer as redis's string2ll does: no plus
// sign, no leading zero, no minus zero, no space, within 64 bits.
func parseLength(b []byte) (int, bool) {
	if len(b) == 1 && b[0] == '0' {
		return 0, true
	}
	neg := len(b) > 0 && b[0] == '-'
	if neg {
		b = b[1:]
	}
	if len(b) == 0 || len(b) > 19 || b[0] < '1' || b[0] > '9' {
		return 0, false
	}
	var n uint64
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + uint64(c-'0') // 19 digits fit
	}
	switch {
	case neg && n <= 1<<63:
		return -1, true // callers do not tell negative numbers apart
	case !neg && n <= math.MaxInt:
		return int(n), true
	}
	return 0, false
}
