package crdt

import (
	"slices"
	"sort"
)

// idMap is an ordered map from stream IDs: sorted blocks, so that a change in
// the middle moves few entries.
type idMap[T any] struct {
	blocks []*idBlock[T]
	n      int
}

type idBlock[T any] struct {
	ids  []StreamID
	vals []T
}

const maxIDBlock = 128

// at returns the block for an ID and the place in it.
func (m *idMap[T]) at(id StreamID) (block, i int, ok bool) {
	block = sort.Search(len(m.blocks), func(i int) bool { return id.Less(m.blocks[i].ids[0]) }) - 1
	if block < 0 {
		return 0, 0, false
	}
	i, ok = slices.BinarySearchFunc(m.blocks[block].ids, id, StreamID.Compare)
	return block, i, ok
}

func (m *idMap[T]) get(id StreamID) (v *T) {
	if b, i, ok := m.at(id); ok {
		return &m.blocks[b].vals[i]
	}
	return nil
}

// put sets the value of an ID.
func (m *idMap[T]) put(id StreamID, v T) {
	b, i, ok := m.at(id)
	if ok {
		m.blocks[b].vals[i] = v
		return
	}
	m.n++
	if len(m.blocks) == 0 || b == len(m.blocks)-1 && i == maxIDBlock {
		m.blocks = append(m.blocks, &idBlock[T]{[]StreamID{id}, []T{v}})
		return
	}
	x := m.blocks[b]
	x.ids, x.vals = slices.Insert(x.ids, i, id), slices.Insert(x.vals, i, v)
	if half := len(x.ids) / 2; len(x.ids) > maxIDBlock {
		right := &idBlock[T]{slices.Clone(x.ids[half:]), slices.Clone(x.vals[half:])}
		x.ids, x.vals = slices.Clip(x.ids[:half]), slices.Clip(x.vals[:half])
		m.blocks = slices.Insert(m.blocks, b+1, right)
	}
}

func (m *idMap[T]) remove(id StreamID) bool {
	b, i, ok := m.at(id)
	if !ok {
		return false
	}
	m.n--
	x := m.blocks[b]
	if len(x.ids) == 1 {
		m.blocks = slices.Delete(m.blocks, b, b+1)
		return true
	}
	x.ids, x.vals = slices.Delete(x.ids, i, i+1), slices.Delete(x.vals, i, i+1)
	return true
}

// each calls fn for the IDs from start to end until it returns false. fn must
// not add or remove.
func (m *idMap[T]) each(start, end StreamID, fn func(id StreamID, v *T) bool) {
	b, i, _ := m.at(start)
	for ; b < len(m.blocks); b, i = b+1, 0 {
		for x := m.blocks[b]; i < len(x.ids); i++ {
			if end.Less(x.ids[i]) || !fn(x.ids[i], &x.vals[i]) {
				return
			}
		}
	}
}

// list returns up to limit IDs from start to end.
func (m *idMap[T]) list(start, end StreamID, limit int) (ids []StreamID) {
	m.each(start, end, func(id StreamID, _ *T) bool {
		ids = append(ids, id)
		return len(ids) < limit
	})
	return ids
}
