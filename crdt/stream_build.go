package crdt

// NewStream returns a stream that belongs to no key, to be filled by Append and
// AppendGroup and then copied to one (PrepareFill): what comes from elsewhere.
// added is how many entries were ever added.
func NewStream(last, removed StreamID, added uint64) *Stream {
	s := &Stream{}
	m := streamMark{last: last, removed: removed}
	m.count(strange.Replica, added)
	s.addMark(strange, m)
	return s
}

// strange stands for the dot of what has none.
var strange = Dot{Time: 1, Replica: 1}

// Append adds an entry, which must be behind those that are there. pairs are
// field, value, ...
func (s *Stream) Append(id StreamID, pairs [][]byte) {
	s.list.add(id, strange, AppendStreamFields(nil, pairs))
}

// AppendGroup adds a group that is not there, to be given consumers and pending
// entries.
func (s *Stream) AppendGroup(name []byte, last StreamID, read int64) *Group {
	x := groupBirth{start: last, read: read}
	s.createGroup(name, x.append(nil), strange)
	return s.Group(name)
}
