package backup

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io/fs"
	"slices"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"

	"crdb/crdt"
	"crdb/oplog"
)

const (
	frameBytes  = 64 << 10  // records gather to frames of this size
	reserve     = 256 << 20 // bytes of the disk that are left alone (B4)
	checkEvery  = 8 << 20   // bytes between two looks at the free space
	rangesAFile = oplog.MaxRanges / stateFiles
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ErrDirectory marks a directory that cannot take a backup.
var ErrDirectory = errors.New("no directory for a backup")

// Options say where and how to write a backup.
type Options struct {
	FS       vfs.FS
	Dir      string             // made if it is not there; it must be empty
	Users    []string           // lines as in an ACL file
	Progress func(done float64) // may be nil
}

// Write writes a backup of a snapshot. m is completed with what was written.
func Write(ctx context.Context, o Options, snap *oplog.Snapshot, m *Manifest) error {
	dirs, err := makeDir(o.FS, o.Dir)
	if err != nil {
		return err
	}
	w := &writer{ctx: ctx, o: o, m: m, dirs: dirs}
	err = w.all(snap)
	if err != nil {
		w.undo()
		return fmt.Errorf("backup to %s: %w", o.Dir, err)
	}
	return nil
}

// makeDir makes the directory, or takes one that is there and empty. It returns the
// levels that it made, the innermost first.
func makeDir(fsys vfs.FS, dir string) (made []string, err error) {
	list, err := fsys.List(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		made = missing(fsys, dir)
		if err := fsys.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("%w: cannot make %s: %w", ErrDirectory, dir, err)
		}
		return made, nil
	case err != nil:
		return nil, fmt.Errorf("%w: cannot read %s: %w", ErrDirectory, dir, err)
	case len(list) > 0:
		return nil, fmt.Errorf("%w: %s is not empty: it holds %q; a backup gets a directory of its own", ErrDirectory, dir, list[0])
	}
	return nil, nil
}

// missing returns the levels of a path that are not there, the innermost first.
func missing(fsys vfs.FS, path string) (levels []string) {
	for {
		if _, err := fsys.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			return levels
		}
		levels = append(levels, path)
		parent := fsys.PathDir(path)
		if parent == path {
			return levels
		}
		path = parent
	}
}

// writer writes one backup.
type writer struct {
	ctx  context.Context
	o    Options
	m    *Manifest
	made []string // files, to undo

	dirs []string // that were made, too, the innermost first
	room int64    // bytes until the next look at the free space
}

// undo removes all that was made, the manifest first: without the others it would
// promise what is not there (B1).
func (w *writer) undo() {
	for _, name := range slices.Backward(w.made) {
		w.o.FS.Remove(w.o.FS.PathJoin(w.o.Dir, name))
	}
	for _, dir := range w.dirs {
		w.o.FS.Remove(dir)
	}
}

func (w *writer) all(snap *oplog.Snapshot) error {
	w.m.Program, w.m.Format = "crdb", Format
	w.m.Vector = map[crdt.ReplicaID]crdt.Timestamp{}
	for _, e := range snap.Vector() {
		w.m.Vector[e.Replica] = e.Time
	}
	vectors, err := snap.RangeVectors()
	if err != nil {
		return err
	}
	if err := w.ranges(vectors); err != nil {
		return err
	}
	for i := range stateFiles {
		if err := w.state(snap, i); err != nil {
			return err
		}
		if w.o.Progress != nil {
			w.o.Progress(float64(i+1) / (stateFiles + 1))
		}
	}
	if err := w.users(); err != nil {
		return err
	}
	if err := w.log(snap, lowest(vectors)); err != nil {
		return err
	}
	return w.manifest()
}

// lowest covers what all ranges cover.
func lowest(vectors map[oplog.RangeID]crdt.VersionVector) (low crdt.VersionVector) {
	if len(vectors) < oplog.MaxRanges {
		return nil
	}
	for _, e := range vectors[0] {
		t := e.Time
		for _, v := range vectors {
			t = min(t, v.Get(e.Replica))
		}
		if t > 0 {
			low.Set(e.Replica, t)
		}
	}
	return low
}

func (w *writer) ranges(vectors map[oplog.RangeID]crdt.VersionVector) error {
	return w.file(rangesFile, func(f *frames) error {
		for id := range oplog.RangeID(oplog.MaxRanges) {
			if vv, ok := vectors[id]; ok {
				if err := f.put(crdt.AppendVector(binary.BigEndian.AppendUint16(nil, uint16(id)), vv)); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// state writes the records of a sixteenth of the ranges.
func (w *writer) state(snap *oplog.Snapshot, i int) error {
	start := binary.BigEndian.AppendUint16(nil, uint16(i*rangesAFile))
	end := binary.BigEndian.AppendUint16(nil, uint16((i+1)*rangesAFile))
	return w.file(stateName(i), func(f *frames) error {
		var buf []byte
		err := snap.EachState(start, end, func(key, value []byte) error {
			buf = append(binary.AppendUvarint(buf, uint64(len(key))), key...)
			buf = append(binary.AppendUvarint(buf, uint64(len(value))), value...)
			w.m.Records++
			if len(buf) < frameBytes {
				return nil
			}
			err := f.put(buf)
			buf = buf[:0]
			return err
		})
		if err == nil && len(buf) > 0 {
			err = f.put(buf)
		}
		return err
	})
}

func (w *writer) users() error {
	return w.file(usersFile, func(f *frames) error {
		for _, line := range w.o.Users {
			if err := f.put([]byte(line)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (w *writer) log(snap *oplog.Snapshot, from crdt.VersionVector) error {
	return w.file(logFile, func(f *frames) error {
		return snap.Replay(from, func(b *oplog.Block) error {
			w.m.Blocks++
			return f.put(b.Bytes())
		})
	})
}

// manifest writes the manifest when all that it names is on disk, the names of the
// files and of the directories that were made included (B1).
func (w *writer) manifest() error {
	err := w.sync(w.o.Dir)
	for i := 0; err == nil && i < len(w.dirs); i++ {
		err = w.sync(w.o.FS.PathDir(w.dirs[i]))
	}
	if err != nil {
		return err
	}
	data, err := w.m.encode()
	if err != nil {
		return err
	}
	err = w.create(manifestName, func(f vfs.File) error {
		_, err := f.Write(data)
		return err
	})
	if err != nil {
		return err
	}
	return w.sync(w.o.Dir)
}

// sync makes the names in a directory durable.
func (w *writer) sync(dir string) error {
	d, err := w.o.FS.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// create writes a file and makes it durable.
func (w *writer) create(name string, fill func(f vfs.File) error) error {
	f, err := w.o.FS.Create(w.o.FS.PathJoin(w.o.Dir, name), vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	w.made = append(w.made, name)
	if err = private(f); err == nil {
		err = fill(f)
	}
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// private keeps a file, which holds all data and the hashes of passwords, from
// other users of the machine (B5).
func private(f vfs.File) error {
	if fd := f.Fd(); fd != vfs.InvalidFd {
		return syscall.Fchmod(int(fd), 0o600)
	}
	return nil
}

// file writes a file of frames.
func (w *writer) file(name string, fill func(f *frames) error) error {
	return w.create(name, func(file vfs.File) error {
		f := &frames{w: w, buf: bufio.NewWriterSize(file, frameBytes), sum: sha256.New()}
		err := f.raw([]byte(magic))
		if err == nil {
			err = fill(f)
		}
		if err == nil {
			err = f.buf.Flush()
		}
		w.m.Files = append(w.m.Files, File{Name: name, Size: f.size, SHA256: hex.EncodeToString(f.sum.Sum(nil))})
		return err
	})
}

// frames writes frames into a file.
type frames struct {
	w    *writer
	buf  *bufio.Writer
	sum  hash.Hash
	size int64
}

func (f *frames) raw(b []byte) error {
	f.sum.Write(b)
	f.size += int64(len(b))
	_, err := f.buf.Write(b)
	return err
}

func (f *frames) put(content []byte) error {
	if err := f.w.ctx.Err(); err != nil {
		return err
	}
	if err := f.w.space(int64(len(content))); err != nil {
		return err
	}
	head := binary.BigEndian.AppendUint32(nil, uint32(len(content)))
	head = binary.BigEndian.AppendUint32(head, crc32.Checksum(content, castagnoli))
	if err := f.raw(head); err != nil {
		return err
	}
	return f.raw(content)
}

// space looks at the free space now and then (B4).
func (w *writer) space(n int64) error {
	if w.room -= n; w.room > 0 {
		return nil
	}
	w.room = checkEvery
	usage, err := w.o.FS.GetDiskUsage(w.o.Dir)
	if errors.Is(err, vfs.ErrUnsupported) {
		return nil
	}
	if err != nil {
		return err
	}
	if usage.AvailBytes < uint64(reserve+n) {
		return fmt.Errorf("the disk is full: %d bytes are free, and the last %d are left alone", usage.AvailBytes, reserve)
	}
	return nil
}
