package oplog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"crdb/crdt"
)

// store is the Pebble store below the log.
type store struct {
	db    *pebble.DB
	guard *guard
	lock  *pebble.Lock
	dir   string
	next  uint64 // number of the next commit of writeBlocks, see checkWAL
}

// openStore opens or creates the store and checks whose it is.
func openStore(o *Options, l *Log) (*store, error) {
	s := &store{guard: newGuard(o.FS, o.After), dir: o.Dir, next: firstCommitNumber(o.Rand)}
	s.guard.onFail = func(err error) {
		s.guard.fenced.Store(true)
		l.fail(err)
	}
	s.guard.onStall = l.stalled
	if err := s.prepareDir(); err != nil {
		return nil, err
	}
	var err error
	if s.lock, err = pebble.LockDirectory(o.Dir, s.guard); err != nil {
		return nil, lockError(o.Dir, err)
	}
	opening := newOpening()
	if err := s.open(o.Dir, s.pebbleOptions(o, l, opening), opening); err != nil {
		return nil, err
	}
	if err := s.checkIdentity(&o.Identity); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func lockError(dir string, err error) error {
	if errors.Is(err, syscall.EAGAIN) || err.Error() == "lock held by current process" {
		return fmt.Errorf("%w: %s is open in another process or another instance of this one", ErrLocked, dir)
	}
	return fmt.Errorf("oplog: cannot write to data directory %s: %w", dir, err)
}

func openError(dir string, err error) error {
	switch {
	case noSpace(err):
		return fmt.Errorf("%w: cannot open %s: %w", ErrDiskFull, dir, err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("oplog: cannot write to data directory %s: %w", dir, err)
	case pebble.IsCorruptionError(err):
		return fmt.Errorf("%w: store in %s: %w", ErrCorrupt, dir, err)
	}
	return fmt.Errorf("oplog: open store in %s: %w", dir, err)
}

// close closes a healthy store.
func (s *store) close() error {
	err := s.db.Close()
	s.guard.fenced.Store(true)
	return errors.Join(err, s.lock.Close())
}

// abandon leaves a failed store behind: its parked writes never end and
// nothing of it reaches the disk any more. The directory is released.
func (s *store) abandon() {
	s.guard.fenced.Store(true)
	s.guard.leave()
}

// pebbleOptions: little memory, little CPU. The log is written once, read
// rarely and deleted in ranges; recent blocks are cached decoded above.
func (s *store) pebbleOptions(o *Options, l *Log, opening *opening) *pebble.Options {
	log := &pebbleLogger{l, opening}
	p := &pebble.Options{
		FS:                          s.guard,
		Lock:                        s.lock,
		Logger:                      log,
		EventListener:               log.events(),
		FormatMajorVersion:          pebble.FormatValueSeparation,
		CacheSize:                   1 << 20,
		MemTableSize:                o.MemTableBytes,
		MemTableStopWritesThreshold: 4,
		MaxOpenFiles:                256,
		L0CompactionThreshold:       8,
		L0StopWritesThreshold:       64,
		LBaseMaxBytes:               256 << 20,
		FlushDelayDeleteRange:       o.FlushDelay,
	}
	p.TargetFileSizes[0] = 8 << 20
	separateLog(p)
	p.Experimental.ReadSamplingMultiplier = -1 // reads never cause compactions
	p.ApplyCompressionSettings(func() pebble.DBCompressionSettings { return pebble.DBCompressionNone })
	return p
}

// writeBlocks commits blocks, in this order, with sync, in one batch (D1, D4).
// tails are the ends of the replicas' logs before it; bound is the new clock
// bound or 0. The cycle's jump and images go into the same batch. It returns the totals with each block.
// One call follows the other.
func (s *store) writeBlocks(c *cycle, blocks []*Block, tails map[crdt.ReplicaID]*tail, bound crdt.Timestamp) ([]totals, error) {
	size := 64
	for _, b := range blocks {
		size += len(b.data) + totalsBytes + blockKeyBytes + 16
	}
	for _, p := range c.images {
		size += p.size() + imageKeyBytes + 256
	}
	batch := s.newBatch(size, s.next)
	s.next++
	defer batch.Close()
	if err := imagesIn(batch, c.images); err != nil {
		return nil, err
	}
	if err := jumpIn(batch, c.jump, tails); err != nil {
		return nil, err
	}
	ends := make([]totals, len(blocks))
	for i, b := range blocks {
		ends[i] = endBefore(blocks[:i], ends, tails, b.Replica).plus(b)
		var held []byte
		if b.raised && b.Replica == c.self {
			held = crdt.AppendVector(nil, b.held)
		}
		op := batch.SetDeferred(blockKeyBytes, len(b.data)+len(held)+totalsBytes)
		op.Key[0] = kindBlock
		binary.BigEndian.PutUint16(op.Key[1:], uint16(b.Replica))
		binary.BigEndian.PutUint64(op.Key[3:], uint64(b.First))
		n := crdt.Copy(op.Value, b.data)
		n += copy(op.Value[n:], held)
		appendTotals(op.Value[:n], ends[i])
		if err := op.Finish(); err != nil {
			return nil, err
		}
	}
	if bound != 0 {
		if err := batch.Set(keyBound, binary.BigEndian.AppendUint64(nil, uint64(bound)), nil); err != nil {
			return nil, err
		}
	}
	return ends, batch.Commit(pebble.Sync)
}

// newBatch returns a batch with room for size bytes. The first record of a Pebble
// batch decides anew how large it is, and rounds up to twice what is needed: so
// the first is one that is not stored: the number of the writer's commit, or nothing if it
// is 0.
func (s *store) newBatch(size int, number uint64) *pebble.Batch {
	b := s.db.NewBatchWithSize(size + 24)
	var data []byte
	if number != 0 {
		data = binary.LittleEndian.AppendUint64(nil, number)
	}
	if err := b.LogData(data, nil); err != nil {
		panic(err) // it never returns one
	}
	return b
}

// endBefore returns r's totals before the next block of the batch.
func endBefore(blocks []*Block, ends []totals, tails map[crdt.ReplicaID]*tail, r crdt.ReplicaID) totals {
	for i := len(blocks) - 1; i >= 0; i-- {
		if blocks[i].Replica == r {
			return ends[i]
		}
	}
	if t := tails[r]; t != nil {
		return t.end
	}
	return totals{}
}

// tailsOf finds the first and last block of every replica.
func tailsOf(db pebble.Reader) (map[crdt.ReplicaID]*tail, error) {
	it, err := db.NewIter(&pebble.IterOptions{LowerBound: []byte{kindBlock}, UpperBound: []byte{kindBlock + 1}})
	if err != nil {
		return nil, err
	}
	defer it.Close()
	tails := make(map[crdt.ReplicaID]*tail)
	for ok := it.First(); ok; {
		r := crdt.ReplicaID(binary.BigEndian.Uint16(it.Key()[1:]))
		first, err := recordAt(it, r)
		if err != nil {
			return nil, err
		}
		t := &tail{prev: first.Prev, first: first.First, start: first.end.minus(first.Block)}
		_, end := replicaBounds(r)
		if !it.SeekLT(end) { // the first one is there: it could not be read
			return nil, fmt.Errorf("oplog: read log of replica %d: %w", r, it.Error())
		}
		last, err := recordAt(it, r)
		if err != nil {
			return nil, err
		}
		t.last, t.end = last.Last, last.end
		tails[r] = t
		ok = it.SeekGE(end)
	}
	if err := it.Error(); err != nil {
		return nil, err
	}
	return tails, recoverJumps(db, tails)
}

// scan calls fn for the keys of db from lo up to but not including hi.
func scan(db pebble.Reader, lo, hi []byte, fn func(key, value []byte) error) error {
	it, err := db.NewIter(&pebble.IterOptions{LowerBound: lo, UpperBound: hi})
	if err != nil {
		return fmt.Errorf("oplog: read: %w", err)
	}
	defer it.Close()
	for ok := it.First(); ok; ok = it.Next() {
		v, err := valueAt(it)
		if err == nil {
			err = fn(it.Key(), v)
		}
		if err != nil {
			return err
		}
	}
	return it.Error()
}

func (s *store) clockBound() (crdt.Timestamp, error) {
	v, err := s.get(keyBound)
	if err != nil || v == nil {
		return 0, err
	}
	if len(v) != 8 {
		return 0, corrupt("clock bound of %d bytes", len(v))
	}
	return crdt.Timestamp(binary.BigEndian.Uint64(v)), nil
}

// get returns a copy of a value, nil if there is none.
func (s *store) get(key []byte) ([]byte, error) {
	v, c, err := s.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	out := append([]byte{}, v...)
	return out, c.Close()
}

// prepareDir creates the directory, or refuses one full of something else.
func (s *store) prepareDir() error {
	if err := s.guard.MkdirAll(s.dir, 0o755); err != nil {
		return fmt.Errorf("oplog: cannot create data directory %s: %w", s.dir, err)
	}
	names, err := s.guard.List(s.dir)
	if err != nil {
		return fmt.Errorf("oplog: cannot read data directory %s: %w", s.dir, err)
	}
	for _, name := range names {
		if !ours(name) {
			return fmt.Errorf("%w: %s holds %q, which is not part of a log; choose an empty directory", ErrForeign, s.dir, name)
		}
	}
	if err := s.checkMarked(names); err != nil {
		return err
	}
	return checkWAL(s.guard, s.dir)
}

// checkMarked refuses tables without the marker that says which manifest names them. To
// Pebble that is a new store, and it removes what is not part of that.
func (s *store) checkMarked(names []string) error {
	has := func(is func(name string) bool) bool { return slices.ContainsFunc(names, is) }
	tables := has(func(name string) bool { return strings.HasSuffix(name, ".sst") || strings.HasSuffix(name, ".blob") })
	if !tables || has(func(name string) bool { return strings.HasPrefix(name, "marker.manifest.") }) {
		return nil
	}
	return fmt.Errorf("%w: %s holds tables, and no file marker.manifest.*, which is empty and says which of them count: it was lost, or not copied. Nothing was changed", ErrCorrupt, s.dir)
}

var _ vfs.FS = (*guard)(nil)
