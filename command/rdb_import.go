package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"crdb/command/script"
	"crdb/engine"
	"crdb/oplog"
	"crdb/rdb"
)

// ImportMode says what an import does with keys that are there already.
type ImportMode uint8

// The modes.
const (
	ImportEmpty   ImportMode = iota // refuse a database that has keys
	ImportFlush                     // remove all keys first
	ImportReplace                   // a key of the file replaces one that is there
	ImportMerge                     // collections unite, lists are appended; strings are replaced
	ImportBelow                     // a key that is there stays: clients use the database already
)

// ParseImportMode reads a mode as the control plane writes it.
func ParseImportMode(s string) (ImportMode, error) {
	for i, name := range [...]string{"", "flush", "replace", "merge"} {
		if s == name {
			return ImportMode(i), nil
		}
	}
	return 0, fmt.Errorf("mode %q is none of flush, replace, merge", s)
}

// ImportResult counts what became of the keys of a file.
type ImportResult struct {
	Bytes     int64 `json:"bytes"`     // read
	Keys      int64 `json:"keys"`      // written
	Expired   int64 `json:"expired"`   // left out: their deadline has passed
	Kept      int64 `json:"kept"`      // left out: what is here is of another type, or newer
	Functions int64 `json:"functions"` // libraries written
}

// ImportOptions are the options of Import.
type ImportOptions struct {
	Mode     ImportMode
	Progress func(ImportResult) // called now and then, and at the end; may be nil
}

// Errors of Import.
var (
	ErrNotEmpty   = errors.New("the database is not empty: say what to do with the keys that are there: flush, replace or merge")
	ErrImporting  = errors.New("another import into this database is under way")
	ErrOverMemory = errors.New("the data is larger than maxmemory")
)

// importStep is how many bytes of a file are read between two waits for the
// disk. So an import never fills the log's queue, and the writes of clients
// find it nearly empty.
const importStep = 1 << 20

// importer is one import.
type importer struct {
	srv  *Server
	ctx  context.Context
	s    *Session // whose transaction writes; it has no connection
	o    ImportOptions
	r    *rdb.Reader
	n    ImportResult
	skip bool  // the parts of this key that follow are left out
	last int64 // offset of the last wait

	fading int64 // when all fields that have been written of this key are gone by themselves; 0: never
}

// unwritten is the fading of a key of which nothing has been written.
const unwritten = 1

// Import writes the keys of a dump file of Redis into the database, as
// ordinary writes: they replicate and obey maxmemory. Keys are written one
// after the other, large ones in several steps, and clients are served
// meanwhile. On an error what has been written stays.
func (srv *Server) Import(ctx context.Context, src io.Reader, o ImportOptions) (ImportResult, error) {
	if !srv.importing.CompareAndSwap(false, true) {
		return ImportResult{}, ErrImporting
	}
	defer srv.importing.Store(false)
	m := &importer{srv: srv, ctx: ctx, o: o, r: rdb.NewReader(src)}
	m.s = &Session{srv: srv, hold: -1, mode: modeExec, tx: srv.engine.NewTx()}
	err := m.r.ReadFile(&rdb.Handler{Databases: engine.Databases, Begin: m.prepare, Part: m.part, Function: m.function})
	if err == nil && !m.r.AtEnd() {
		err = &rdb.Error{Offset: m.r.Offset(), Text: "the dump ends here, but more bytes follow"}
	}
	if err == nil || m.n.Keys > 0 {
		err = errors.Join(err, m.settle())
	}
	m.report()
	return m.n, err
}

// prepare does what the mode asks for before the first key: nothing is flushed for what
// is no dump file.
func (m *importer) prepare() error {
	if m.o.Mode != ImportEmpty && m.o.Mode != ImportFlush {
		return nil
	}
	if err := m.admit(); err != nil {
		return err
	}
	tx := m.s.tx
	tx.LockNone(m.s.now)
	defer tx.Unlock()
	if m.o.Mode == ImportFlush {
		return tx.FlushAll()
	}
	for db := range engine.Databases {
		if tx.LenOf(db) > 0 {
			return ErrNotEmpty
		}
	}
	return nil
}

// part writes a part of a key.
func (m *importer) part(k *rdb.Key, v rdb.Value, first bool) error {
	if first {
		m.skip, m.fading = false, unwritten
	} else if m.skip {
		return nil
	}
	if err := m.admit(); err != nil {
		return err
	}
	if first && k.Deadline != 0 && k.Deadline <= m.s.now {
		m.n.Expired++
		m.skip = true
		return nil
	}
	if v.Times != nil {
		if dropPast(&v, m.s.now); len(v.Times) == 0 {
			if first {
				m.n.Expired++ // unless a field follows that is left
			}
			return nil
		}
	}
	m.s.tx.Select(k.DB)
	m.s.tx.LockKey(m.s.now, k.Name)
	written, err := m.write(k, v)
	m.s.tx.Unlock()
	switch {
	case err != nil:
		return err
	case !written:
		m.n.Kept++
		m.skip = true
	case m.fading == unwritten:
		m.n.Keys++
		if !first {
			m.n.Expired--
		}
	}
	m.fade(&v)
	return nil
}

// dropPast takes the fields out whose deadline has passed.
func dropPast(v *rdb.Value, now int64) {
	kept := 0
	for i, at := range v.Times {
		if at != 0 && at <= now {
			continue
		}
		v.Items[2*kept], v.Items[2*kept+1], v.Times[kept] = v.Items[2*i], v.Items[2*i+1], at
		kept++
	}
	v.Items, v.Times = v.Items[:2*kept], v.Times[:kept]
}

// fade notes that a part has been written.
func (m *importer) fade(v *rdb.Value) {
	if v.Times == nil || slices.Contains(v.Times, 0) {
		m.fading = 0
	}
	if m.fading != 0 {
		m.fading = max(m.fading, slices.Max(v.Times))
	}
}

// write writes a part under the key's lock; false if the key here stays as it
// is.
func (m *importer) write(k *rdb.Key, v rdb.Value) (written bool, err error) {
	defer func() {
		if cause := recover(); cause == engine.ErrOpTooLarge {
			err = &rdb.Error{Offset: m.r.Offset(), Text: fmt.Sprintf("key %.64q: %v", k.Name, cause)}
		} else if cause != nil {
			panic(cause)
		}
	}()
	if err := m.srv.refusal(m.s.now); err != nil { // asked under the lock, as logTakesWrites
		return false, err
	}
	tx, here := m.s.tx, m.s.tx.Type(k.Name)
	x := engine.Expiry{At: k.Deadline}
	faded := here == engine.TypeNone && m.fading != 0 && m.fading <= m.s.now
	if m.fading != unwritten && !faded { // unless a client has removed or replaced it meanwhile
		if here == engine.TypeNone || kinds[here] != v.Kind {
			return false, nil
		}
		return true, putValue(tx, k.Name, v, x)
	}
	switch {
	case here == engine.TypeNone:
	case m.o.Mode == ImportReplace:
		tx.Atomic()
		tx.Delete(k.Name)
	case m.o.Mode != ImportMerge, kinds[here] != v.Kind, v.Kind == rdb.StreamKind: // a client's write is newer than the file
		return false, nil
	}
	dated := k.Deadline != 0 && v.Kind != rdb.String && (here == engine.TypeNone || m.o.Mode == ImportReplace)
	if dated {
		tx.Atomic()
	}
	if err := putValue(tx, k.Name, v, x); err != nil {
		return false, err
	}
	if dated {
		tx.SetDeadline(k.Name, k.Deadline)
	}
	if k.Idle >= 0 {
		tx.SetIdle(k.Name, k.Idle)
	}
	if k.Freq >= 0 {
		tx.SetFreq(k.Name, uint8(k.Freq))
	}
	return true, nil
}

// function stores a library of functions, as FUNCTION LOAD does. One that cannot
// be loaded here is listed, and cannot be called.
func (m *importer) function(code []byte) error {
	name, err := script.LibraryName(string(code))
	if err != nil {
		return &rdb.Error{Offset: m.r.Offset(), Text: "a library of functions: " + err.Error()}
	}
	if err := m.admit(); err != nil {
		return err
	}
	tx := m.s.tx
	tx.Select(engine.Internal)
	tx.LockKey(m.s.now, []byte(name))
	defer tx.Unlock()
	if err := m.srv.refusal(m.s.now); err != nil {
		return err
	}
	if tx.Type([]byte(name)) != engine.TypeNone && m.o.Mode != ImportFlush && m.o.Mode != ImportReplace {
		m.n.Kept++
		return nil
	}
	tx.Put([]byte(name), code, engine.Expiry{})
	m.n.Functions++
	return nil
}

// admit waits until the log takes a write, within bounds of memory.
func (m *importer) admit() error {
	s := m.s
	s.now, s.set = m.srv.opts.Wall(), m.srv.settings.Load()
	if err := m.ctx.Err(); err != nil {
		return err
	}
	if m.r.Offset()-m.last >= importStep {
		m.last = m.r.Offset()
		m.report()
		if err := m.settle(); err != nil {
			return err
		}
	}
	if s.set.maxMemory > 0 && !s.makeRoom() {
		return ErrOverMemory
	}
	for {
		err := m.srv.log.Admit(s.now)
		if !errors.Is(err, oplog.ErrBacklog) {
			return err
		}
		if err := m.wait(); err != nil {
			return err
		}
	}
}

// settle waits until all that was written is on disk.
func (m *importer) settle() error {
	for want := m.s.tx.LastDot().Time; m.srv.log.DurableOwn() < want; {
		m.srv.log.Hurry()
		if err := m.wait(); err != nil {
			return err
		}
	}
	return nil
}

// wait waits for the next commit of the log, or a moment: a log that can commit
// no more says why.
func (m *importer) wait() error {
	stop := m.srv.opts.AfterFunc(time.Second, m.srv.noteCommit)
	defer stop()
	select {
	case <-m.srv.committed:
	case <-m.ctx.Done():
		return m.ctx.Err()
	}
	return m.srv.refusal(m.srv.opts.Wall())
}

func (m *importer) report() {
	m.n.Bytes = m.r.Offset()
	if m.o.Progress != nil {
		m.o.Progress(m.n)
	}
}

// noteCommit wakes an import that waits for the log.
func (srv *Server) noteCommit() {
	select {
	case srv.committed <- struct{}{}:
	default:
	}
}
