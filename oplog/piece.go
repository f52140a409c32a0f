package oplog

import "github.com/cockroachdb/pebble/v2"

// piece is some of what a checkpoint has gathered: a batch, or a record that is in
// none yet.
type piece struct {
	batch *pebble.Batch
	later *laterRecord
}

// laterRecord is a record of which the value is copied only when it is written.
type laterRecord struct{ key, value []byte }

func (r *laterRecord) size() int { return len(r.key) + len(r.value) }

// size is the bytes that the piece takes.
func (p piece) size() int {
	if p.batch != nil {
		return p.batch.Len()
	}
	return p.later.size()
}

// join makes one batch of a list, which is gone then, each piece as soon as it
// has been copied.
func (s *store) join(list []piece) (*pebble.Batch, error) {
	if len(list) == 1 && list[0].batch != nil {
		return list[0].batch, nil
	}
	size := 0
	for _, p := range list {
		size += p.size() + recordHead
	}
	all := s.newBatch(size, 0)
	for i, p := range list {
		list[i] = piece{}
		if p.later != nil {
			if err := all.Set(p.later.key, p.later.value, nil); err != nil {
				return nil, err
			}
			continue
		}
		if err := all.Apply(p.batch, nil); err != nil {
			return nil, err
		}
		if err := p.batch.Close(); err != nil {
			return nil, err
		}
	}
	return all, nil
}
