package command

import (
	"crdb/crdt"
	"crdb/rdb"
)

// streamValue is a stream in the words of Redis's format. Of entries that
// regions have added under one ID it keeps the first, as COPY does; what it
// cannot say is which entries a group still has to deliver though they lie
// behind its position, and which others have been acknowledged elsewhere.
func streamValue(s *crdt.Stream) *rdb.Stream {
	info := s.Info()
	out := &rdb.Stream{Last: rdb.StreamID(info.Last), Removed: rdb.StreamID(info.Removed), Added: info.Added}
	out.Entries = make([]rdb.StreamEntry, 0, s.Entries())
	var all [][]byte // the fields of many entries in one piece of memory
	s.Range(crdt.StreamID{}, crdt.MaxStreamID, false, func(e *crdt.StreamEntry) bool {
		id := rdb.StreamID(e.ID)
		if n := len(out.Entries); n > 0 && out.Entries[n-1].ID == id {
			return true
		}
		if cap(all)-len(all) < 2*e.Len() {
			all = make([][]byte, 0, max(1024, 2*e.Len()))
		}
		at := len(all)
		e.Each(func(f, v []byte) { all = append(all, f, v) })
		out.Entries = append(out.Entries, rdb.StreamEntry{ID: id, Fields: all[at:len(all):len(all)]})
		return true
	})
	for _, g := range s.Groups() {
		out.Groups = append(out.Groups, groupValue(g))
	}
	return out
}

func groupValue(g *crdt.Group) rdb.StreamGroup {
	out := rdb.StreamGroup{Name: g.Name, Last: rdb.StreamID(g.Last), Read: g.Read}
	index := map[*crdt.Consumer]int{}
	for i, c := range g.Consumers() {
		index[c] = i
		out.Consumers = append(out.Consumers, rdb.StreamConsumer{Name: []byte(c.Name), Seen: c.Seen})
	}
	g.EachPending(nil, crdt.StreamID{}, crdt.MaxStreamID, func(id crdt.StreamID, p *crdt.Pending) bool {
		out.Pending = append(out.Pending, rdb.StreamPending{ID: rdb.StreamID(id), Consumer: index[p.Consumer], Time: p.Time, Count: p.Count})
		return true
	})
	return out
}

// streamOf is the other way round.
func streamOf(v *rdb.Stream) *crdt.Stream {
	s := crdt.NewStream(crdt.StreamID(v.Last), crdt.StreamID(v.Removed), v.Added)
	for i := range v.Entries {
		s.Append(crdt.StreamID(v.Entries[i].ID), v.Entries[i].Fields)
	}
	for i := range v.Groups {
		from := &v.Groups[i]
		read := from.Read
		if v.Old {
			read = s.Distance(crdt.StreamID(from.Last))
		}
		g := s.AppendGroup(from.Name, crdt.StreamID(from.Last), read)
		consumers := make([]*crdt.Consumer, len(from.Consumers))
		for k, c := range from.Consumers {
			consumers[k], _ = g.AddConsumer(c.Name, c.Seen)
		}
		for _, p := range from.Pending {
			g.Assign(crdt.StreamID(p.ID), consumers[p.Consumer], p.Time, p.Count)
		}
	}
	return s
}
