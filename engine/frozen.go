package engine

import "log/slog"

// frozenParts is how many partitions are in memory at a time while a Frozen is
// walked: a sixteenth of the keyspace.
const frozenParts = partitions / 16

var discard = slog.New(slog.DiscardHandler)

// Frozen is the keyspace as a Source holds it, to be read once, from beginning
// to end, while the engine that wrote it goes on. It is the recovery of that
// state, a sixteenth of the keyspace after the other; each reads the source's
// log anew. It changes nothing and starts no goroutine.
type Frozen struct {
	Source Source
	Seed   uint64 // of the key hash of who wrote it
	Now    int64  // unix milliseconds: a key whose deadline has passed does not exist
}

// Each calls fn for every key that exists, in no order that means anything. tx
// reads it, with its database selected and everything locked; fn must not
// write, and key is only valid in the call. done goes from 0 towards 1.
func (f *Frozen) Each(fn func(tx *Tx, key []byte, done float64) error) error {
	for from := 0; from < partitions; from += frozenParts {
		e := newEngine(Options{Seed: f.Seed, Logger: discard, Sizes: DefaultSizes})
		if err := e.recoverFrom(f.Source, from, from+frozenParts); err != nil {
			return err
		}
		tx := e.NewTx()
		tx.NoTouch(true)
		tx.LockAll(f.Now)
		for i := from; i < from+frozenParts; i++ {
			if err := f.part(tx, i, fn); err != nil {
				return err
			}
		}
	}
	return nil
}

// part calls fn for the keys of a partition.
func (f *Frozen) part(tx *Tx, i int, fn func(tx *Tx, key []byte, done float64) error) (err error) {
	for db, ks := range tx.e.parts[i].dbs {
		if ks == nil {
			continue
		}
		tx.Select(db)
		ks.keys.Each(func(key, rec []byte) bool {
			n := entry{p: &tx.e.parts[i], db: db, key: key, rec: rec}
			if n.shows(f.Now) {
				err = fn(tx, key, float64(i)/partitions)
			}
			return err == nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
