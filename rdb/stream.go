package rdb

import (
	"encoding/binary"
	"strconv"
)

// StreamID is the ID of a stream's entry.
type StreamID struct{ Ms, Seq uint64 }

func (a StreamID) less(b StreamID) bool { return a.Ms < b.Ms || a.Ms == b.Ms && a.Seq < b.Seq }

// Stream is a whole stream: it is one part, since its groups name its entries.
type Stream struct {
	Entries []StreamEntry // by ID, each once
	Last    StreamID      // the last ID given out, no smaller than that of an entry
	Removed StreamID      // the largest ID that XDEL has removed
	Added   uint64        // entries ever added
	Groups  []StreamGroup
	Old     bool // as Redis 6.2 and older write it: how many entries groups have read is not there
}

// StreamEntry is one entry.
type StreamEntry struct {
	ID     StreamID
	Fields [][]byte // field, value, ...; at least one pair
}

// StreamGroup is a consumer group.
type StreamGroup struct {
	Name      []byte
	Last      StreamID
	Read      int64 // -1: unknown
	Pending   []StreamPending
	Consumers []StreamConsumer
}

// StreamPending is a delivery that waits for its acknowledgement.
type StreamPending struct {
	ID       StreamID
	Consumer int   // index of it
	Time     int64 // of the delivery, unix milliseconds
	Count    uint64
}

// StreamConsumer is a reader of a group.
type StreamConsumer struct {
	Name []byte
	Seen int64 // unix milliseconds
}

// Marks of an entry in a listpack.
const (
	entryDeleted    = 1 // it is not there any more
	entrySameFields = 2 // its fields are those of the listpack's first entry
)

// stream reads a stream: listpacks of entries, registers, groups. Version 2 has
// more registers, version 3 two times for a consumer.
func (p *parts) stream(version int) {
	s := &Stream{}
	p.v.Kind, p.v.Stream = StreamKind, s
	for n := p.r.count(); n > 0 && p.r.err == nil; n-- {
		p.r.streamNode(s)
	}
	length := p.r.count()
	s.Last = p.r.streamID()
	s.Added, s.Old = length, version < 2
	if !s.Old {
		p.r.streamID() // the first entry's: it is known
		s.Removed = p.r.streamID()
		s.Added = p.r.count()
	}
	if n := len(s.Entries); n > 0 && s.Last.less(s.Entries[n-1].ID) || uint64(n) != length {
		p.r.fail("a stream's registers contradict its entries")
	}
	groups := map[string]struct{}{}
	for n := p.r.count(); n > 0 && p.r.err == nil; n-- {
		p.r.streamGroup(s, version, groups)
	}
	p.total++
	p.whole = true
}

func (r *Reader) streamID() StreamID { return StreamID{r.count(), r.count()} }

// rawID reads an ID of sixteen bytes, big endian.
func (r *Reader) rawID() StreamID { return rawStreamID(r.fixed(16)) }

func rawStreamID(b []byte) StreamID {
	return StreamID{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])}
}

// moment reads a time in unix milliseconds; one before the epoch is the epoch.
func (r *Reader) moment() int64 { return max(littleEndian(r.fixed(8)), 0) }

// streamNode reads a listpack of entries, and the ID that theirs are counted
// from. The first entry is a master entry that holds field names only.
func (r *Reader) streamNode(s *Stream) {
	key := r.str()
	if r.err == nil && len(key) != 16 {
		r.fail("a stream's listpack has no ID")
	}
	n := &nodeReader{items: r.listpack(r.str())}
	if r.err != nil {
		return
	}
	live, deleted := n.int(), n.int()
	fields := n.take(n.int())
	if n.int() != 0 {
		n.bad = true
	}
	for total := live + deleted; total > 0 && !n.bad; total-- {
		flags, ms, seq := n.int(), n.int(), n.int()
		base := rawStreamID(key)
		e := StreamEntry{ID: StreamID{base.Ms + uint64(ms), base.Seq + uint64(seq)}}
		before := len(n.items)
		if flags&entrySameFields != 0 {
			for i, v := range n.take(int64(len(fields))) {
				e.Fields = append(e.Fields, fields[i], v)
			}
		} else {
			e.Fields = n.take(2 * n.int())
		}
		if count := n.int(); count != int64(before-len(n.items)+2) { // less itself, but with the three before
			n.bad = true
		}
		if flags&entryDeleted != 0 {
			deleted--
			continue
		}
		live--
		if k := len(s.Entries); len(e.Fields) == 0 || k > 0 && !s.Entries[k-1].ID.less(e.ID) {
			n.bad = true
		}
		s.Entries = append(s.Entries, e)
	}
	if n.bad || live != 0 || deleted != 0 || len(n.items) > 0 {
		r.fail("a stream's listpack is corrupt")
	}
}

// nodeReader takes the elements of a listpack one after the other.
type nodeReader struct {
	items [][]byte
	bad   bool
}

func (n *nodeReader) take(k int64) [][]byte {
	if n.bad || k < 0 || k > int64(len(n.items)) {
		n.bad = true
		return nil
	}
	out := n.items[:k:k]
	n.items = n.items[k:]
	return out
}

func (n *nodeReader) int() int64 {
	s := n.take(1)
	if s == nil {
		return 0
	}
	i, err := strconv.ParseInt(string(s[0]), 10, 64)
	if err != nil {
		n.bad = true
	}
	return i
}

// streamGroup reads a group: first all that is pending, then whose it is. groups has
// the names of those before.
func (r *Reader) streamGroup(s *Stream, version int, groups map[string]struct{}) {
	g := StreamGroup{Name: r.str(), Last: r.streamID(), Read: -1}
	if version >= 2 {
		g.Read = int64(r.count()) // -1 is written as an unsigned number
	}
	at := map[StreamID]int{}
	for n := r.count(); n > 0 && r.err == nil; n-- {
		x := StreamPending{ID: r.rawID(), Consumer: -1, Time: r.moment(), Count: r.count()}
		if _, twice := at[x.ID]; twice {
			r.fail("an entry is pending twice")
		}
		at[x.ID] = len(g.Pending)
		g.Pending = append(g.Pending, x)
	}
	names := map[string]struct{}{}
	for n := r.count(); n > 0 && r.err == nil; n-- {
		c := StreamConsumer{Name: r.str(), Seen: r.moment()}
		if version >= 3 {
			r.moment() // when it last got something
		}
		names[string(c.Name)] = struct{}{}
		for k := r.count(); k > 0 && r.err == nil; k-- {
			i, ok := at[r.rawID()]
			if !ok || g.Pending[i].Consumer >= 0 {
				r.fail("an entry is pending for nobody or twice")
				return
			}
			g.Pending[i].Consumer = len(g.Consumers)
		}
		g.Consumers = append(g.Consumers, c)
	}
	for _, x := range g.Pending {
		if x.Consumer < 0 {
			r.fail("an entry is pending for nobody")
		}
	}
	if len(names) != len(g.Consumers) || g.Read < -1 {
		r.fail("a group is corrupt")
	}
	groups[string(g.Name)] = struct{}{}
	s.Groups = append(s.Groups, g)
	if len(groups) != len(s.Groups) {
		r.fail("a group comes twice")
	}
}
