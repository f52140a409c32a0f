package crdt

import (
	"bytes"
	"fmt"
)

// The record of an element, whose name is the position that it was born with:
//
//	byte     parts
//	dot      of the element
//	written  dot of the value                if recordWritten: an LSET made it
//	place    uvarint length, position        if recordMoved
//	value    to the end
const (
	recordWritten = 1 << iota
	recordMoved
)

func (e *listEntry) record(b []byte) []byte {
	head := len(b)
	b = AppendDot(append(b, 0), e.dot())
	if !e.written.IsZero() {
		b[head] |= recordWritten
		b = AppendDot(b, e.written)
	}
	if e.home.run != nil {
		b[head] |= recordMoved
		b = appendBytes(b, e.append(nil))
	}
	return append(b, e.value...)
}

func (l *List) each(fn func(name, rec []byte)) {
	var name, rec []byte
	l.each1(func(e *listEntry) {
		name, rec = e.name().append(name[:0]), e.record(rec[:0])
		fn(name, rec)
	})
}

// walk goes on at the first element that does not stand before the place at.
func (l *List) walk(at []byte, n int, fn func(name, rec []byte)) (next []byte) {
	if l.root == nil {
		return nil
	}
	i := 0
	if at != nil {
		if p, ok := placeOf(at, false); ok {
			if first := l.root.first(); first.compare(p) < 0 {
				i = l.root.find(p)
			}
		}
	}
	var name, rec []byte
	l.root.walk(i, func(e *listEntry) bool {
		if n--; n < 0 {
			next = e.append(nil)
			return false
		}
		name, rec = e.name().append(name[:0]), e.record(rec[:0])
		fn(name, rec)
		return true
	})
	return next
}

func (l *List) record(name []byte) (rec []byte, ok bool) {
	p, ok := placeOf(name, false)
	if !ok {
		return nil, false
	}
	_, e, ok := l.named(p)
	if !ok {
		return nil, false
	}
	return e.record(nil), true
}

func (l *List) load(name, rec []byte) error {
	e, ok := loadEntry(name, rec)
	if !ok {
		return fmt.Errorf("%w: list element", ErrCorrupt)
	}
	l.add(&e, e.dot())
	return nil
}

// loadEntry is the reverse of record.
func loadEntry(name, rec []byte) (e listEntry, ok bool) {
	p, ok := placeOf(name, false)
	if !ok || len(rec) < 1+DotSize || rec[0] > recordWritten|recordMoved {
		return e, false
	}
	d := opDecoder{b: rec[1:]}
	dot := d.dot()
	e.place, e.time = p, dot.Time
	if rec[0]&recordWritten != 0 {
		if e.written = d.dot(); !e.written.Newer(dot) {
			return e, false
		}
	}
	if rec[0]&recordMoved != 0 {
		at := d.bytes()
		e.home = p
		if e.place, ok = placeOf(at, false); !ok || bytes.Equal(at, name) {
			return e, false
		}
	}
	e.value = d.b
	return e, d.err == nil && dot.Replica == p.owner().Replica
}
