package sim

import (
	"crdb/crdt"
)

// model is the keyspace as crdt alone makes it of the operations: no
// partitions, no records, no checkpoints, no restarts. It never forgets.
type model struct {
	keys [maxSpaces]map[string]*crdt.Object
}

// maxSpaces is more than there are logical databases, hidden ones included.
const maxSpaces = 32

func newModel() *model {
	m := &model{}
	for i := range m.keys {
		m.keys[i] = map[string]*crdt.Object{}
	}
	return m
}

func (m *model) apply(op *crdt.Op, d crdt.Dot) {
	keys := m.keys[op.DB]
	if op.Kind == crdt.KindFlush {
		for k, o := range keys {
			m.applyTo(keys, k, o, op, d)
		}
		return
	}
	o := keys[string(op.Key)]
	if o == nil {
		o = &crdt.Object{}
		keys[string(op.Key)] = o
	}
	m.applyTo(keys, string(op.Key), o, op, d)
}

func (m *model) applyTo(keys map[string]*crdt.Object, key string, o *crdt.Object, op *crdt.Op, d crdt.Dot) {
	o.Apply(op, d)
	if o.Empty() {
		delete(keys, key)
	}
}

// digests are those of all keys, as a capture has them.
func (m *model) digests() map[string]uint64 {
	all := map[string]uint64{}
	for db, keys := range m.keys {
		for k, o := range keys {
			if d := o.Digest(); d != 0 {
				all[keyName(db, k)] = d
			}
		}
	}
	return all
}
