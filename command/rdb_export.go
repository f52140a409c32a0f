package command

import (
	"context"
	"errors"
	"io"
	"strconv"

	"crdb/engine"
	"crdb/rdb"
)

// ExportOptions are the options of Export.
type ExportOptions struct {
	Keys     *engine.Frozen
	Version  string             // of this program
	Progress func(done float64) // called now and then, with a number that goes to 1; may be nil
	Sizes    func(db int) (keys, dated int)
	// FieldDeadlines keeps the deadlines of hash fields, in a form that only Redis
	// 7.4 and Import read. Without it they are lost.
	FieldDeadlines bool
}

// ExportResult says what a file holds.
type ExportResult struct {
	Bytes     int64 `json:"bytes"`
	Keys      int64 `json:"keys"`
	Functions int64 `json:"functions"` // libraries
}

// Export writes a dump file that Redis 7.0 and later load. Memory is bounded by
// a sixteenth of the keyspace.
func Export(ctx context.Context, dst io.Writer, o ExportOptions) (n ExportResult, err error) {
	w := rdb.NewWriter(dst)
	w.Dated = o.FieldDeadlines
	w.BeginFile("redis-ver", redisVersion, "redis-bits", "64", "ctime", strconv.FormatInt(o.Keys.Now/1000, 10), "crdb-ver", o.Version)
	selected, sized := -1, [engine.Databases]bool{}
	err = o.Keys.Each(func(tx *engine.Tx, key []byte, done float64) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if o.Progress != nil {
			o.Progress(done)
		}
		db := tx.DB()
		if db == engine.Internal {
			code, _, err := tx.Get(key)
			w.Function(code)
			n.Functions++
			return errors.Join(err, w.Err())
		}
		if db != selected {
			selected = db
			w.Select(db)
			if !sized[db] && o.Sizes != nil {
				w.Resize(o.Sizes(db))
			}
			sized[db] = true
		}
		at, _ := tx.Deadline(key)
		w.Key(key, at)
		if _, err := writeValue(w, tx, key); err != nil {
			return err
		}
		n.Keys++
		return w.Err()
	})
	if err == nil {
		err = w.EndFile()
	}
	n.Bytes = w.Size()
	return n, err
}
