package oplog

import "github.com/cockroachdb/pebble/v2"

// PutMeta stores a small fact; it is durable when PutMeta returns.
func (l *Log) PutMeta(name string, value []byte) error {
	batch := l.store.db.NewBatch()
	if err := batch.Set(prefixed(kindMeta, []byte(name)), value, nil); err != nil {
		return err
	}
	return l.apply(batch, pebble.Sync)
}

// GetMeta returns a fact, nil if there is none.
func (l *Log) GetMeta(name string) ([]byte, error) {
	if err := l.enter(); err != nil {
		return nil, err
	}
	defer l.leave()
	return l.store.get(prefixed(kindMeta, []byte(name)))
}
