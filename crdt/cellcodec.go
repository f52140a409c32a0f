package crdt

import (
	"encoding/binary"
	"fmt"
)

// An encoded cell starts with its shape. The two small shapes have fixed
// offsets, so that the common reads and writes need no decoding:
//
//	1  dot, value to the end                            one sibling, no share
//	2  replica 2, last 8, total 8, base 8, base total 8 one live share of integers, no sibling
//	0  uvarint count of siblings, each dot, uvarint length, value;
//	   uvarint count of shares, each uvarint replica, 8 bytes last, number
//	   total, 8 bytes base, number base total, and the dot Gone if it is removed
//
// A cell has one encoding: siblings are newest first, shares by replica, and a
// cell that fits a small shape has that shape.
const (
	shapeGeneral = 0
	shapePlain   = 1
	shapeShare   = 2

	plainHeader = 1 + DotSize
	shareSize   = 1 + 2 + 8 + 8 + 8 + 8
)

// appendCell appends the encoded cell.
func appendCell(b []byte, c *Cell) []byte { return appendCellApart(b, c, nil) }

// appendCellApart appends the encoded cell without those values that apart takes.
func appendCellApart(b []byte, c *Cell, a *apart) []byte {
	switch {
	case len(c.Siblings) == 1 && len(c.Shares) == 0:
		b = AppendDot(append(b, shapePlain), c.Siblings[0].Dot)
		return a.append(b, c.Siblings[0].Value)
	case len(c.Siblings) == 0 && len(c.Shares) == 1 && c.Shares[0].plain():
		return appendShare(append(b, shapeShare), &c.Shares[0])
	}
	b = binary.AppendUvarint(append(b, shapeGeneral), uint64(len(c.Siblings)))
	for i := range c.Siblings {
		b = AppendDot(b, c.Siblings[i].Dot)
		b = binary.AppendUvarint(b, uint64(len(c.Siblings[i].Value)))
		b = a.append(b, c.Siblings[i].Value)
	}
	b = binary.AppendUvarint(b, uint64(len(c.Shares)))
	for i := range c.Shares {
		s := &c.Shares[i]
		b = binary.AppendUvarint(b, uint64(s.Replica))
		b = binary.BigEndian.AppendUint64(b, uint64(s.Last))
		b = appendNumber(b, s.Total)
		b = binary.BigEndian.AppendUint64(b, uint64(s.Base))
		b = appendNumber(b, s.BaseTotal)
		if s.removed() {
			b = AppendDot(b, s.Gone)
		}
	}
	return b
}

// plain reports whether the share is live and both totals are integers that no
// float took part in.
func (s *Share) plain() bool {
	return !s.removed() && s.Total.big == nil && s.BaseTotal.big == nil && !s.Total.float && !s.BaseTotal.float
}

func appendShare(b []byte, s *Share) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(s.Replica))
	b = binary.BigEndian.AppendUint64(b, uint64(s.Last))
	b = binary.BigEndian.AppendUint64(b, uint64(s.Total.i))
	b = binary.BigEndian.AppendUint64(b, uint64(s.Base))
	return binary.BigEndian.AppendUint64(b, uint64(s.BaseTotal.i))
}

// decodeCell decodes all of b into c, reusing its slices; values alias b.
func decodeCell(c *Cell, b []byte) error {
	c.Siblings, c.Shares = c.Siblings[:0], c.Shares[:0]
	if len(b) == 0 {
		return fmt.Errorf("%w: cell", ErrCorrupt)
	}
	switch b[0] {
	case shapePlain:
		if len(b) < plainHeader {
			return fmt.Errorf("%w: cell", ErrCorrupt)
		}
		c.Siblings = append(c.Siblings, Sibling{DotAt(b[1:]), b[plainHeader:]})
		return nil
	case shapeShare:
		if len(b) != shareSize {
			return fmt.Errorf("%w: cell share", ErrCorrupt)
		}
		u := binary.BigEndian.Uint64
		c.Shares = append(c.Shares, Share{Replica: ReplicaID(binary.BigEndian.Uint16(b[1:])), Last: Timestamp(u(b[3:])),
			Total: Int(int64(u(b[11:]))), Base: Timestamp(u(b[19:])), BaseTotal: Int(int64(u(b[27:])))})
		if c.Shares[0].removed() {
			return fmt.Errorf("%w: cell share is removed", ErrCorrupt)
		}
		return nil
	case shapeGeneral:
		return decodeGeneralCell(c, b[1:])
	}
	return fmt.Errorf("%w: cell shape %d", ErrCorrupt, b[0])
}

func decodeGeneralCell(c *Cell, b []byte) error {
	d := opDecoder{b: b}
	for n := d.uvarint(); n > 0 && d.err == nil; n-- {
		s := Sibling{d.dot(), d.bytes()}
		if k := len(c.Siblings); k > 0 && !c.Siblings[k-1].Dot.Newer(s.Dot) {
			d.fail("order of siblings")
		}
		c.Siblings = append(c.Siblings, s)
	}
	for n := d.uvarint(); n > 0 && d.err == nil; n-- {
		s := d.share()
		if k := len(c.Shares); k > 0 && c.Shares[k-1].Replica >= s.Replica {
			d.fail("order of shares")
		}
		c.Shares = append(c.Shares, s)
	}
	if len(d.b) > 0 {
		d.fail("trailing bytes")
	}
	if len(c.Shares) == 0 && len(c.Siblings) < 2 || len(c.Siblings) == 0 && len(c.Shares) == 1 && c.Shares[0].plain() {
		d.fail("cell fits a small shape")
	}
	return d.err
}

func (d *opDecoder) share() Share {
	r := d.uvarint()
	if r > 1<<16-1 {
		d.fail("replica")
	}
	s := Share{Replica: ReplicaID(r)}
	s.Last, s.Total = d.time(), d.total()
	s.Base, s.BaseTotal = d.time(), d.total()
	if s.removed() {
		s.Gone = d.dot()
	}
	if s.Base > s.Last {
		d.fail("base of a share")
	}
	return s
}

// total reads a number of a share. Whether it is one of the cell's type only those
// know who load it: see countsFor.
func (d *opDecoder) total() Number {
	n, rest, err := decodeNumber(d.b, maxNumberBytes)
	if err != nil {
		d.fail("number")
		return Number{}
	}
	d.b = rest
	return n
}

// countsFor is ErrCorrupt if a share of a cell of type t holds a number of another
// type's.
func (c *Cell) countsFor(t Type) error {
	for i := range c.Shares {
		if s := &c.Shares[i]; !s.Total.counts(t, maxNumberBytes) || !s.BaseTotal.counts(t, maxNumberBytes) {
			return fmt.Errorf("%w: number of another type of counter", ErrCorrupt)
		}
	}
	return nil
}

func (d *opDecoder) dot() Dot {
	if len(d.b) < DotSize {
		d.fail("dot")
		return Dot{}
	}
	x := DotAt(d.b)
	d.b = d.b[DotSize:]
	return x
}

func (d *opDecoder) time() Timestamp {
	if len(d.b) < 8 {
		d.fail("time")
		return 0
	}
	t := Timestamp(binary.BigEndian.Uint64(d.b))
	d.b = d.b[8:]
	return t
}
