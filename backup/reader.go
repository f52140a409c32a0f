package backup

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/cockroachdb/pebble/v2/vfs"

	"crdb/crdt"
	"crdb/oplog"
)

// Backup is a backup that can be read: a Source of the engine.
type Backup struct {
	Manifest *Manifest
	fs       vfs.FS
	dir      string
}

// Open reads the manifest of a backup. Verify checks the rest.
func Open(fs vfs.FS, dir string) (*Backup, error) {
	m, err := readManifest(fs, dir)
	if err != nil {
		return nil, err
	}
	return &Backup{Manifest: m, fs: fs, dir: dir}, nil
}

// Verify reads every file and compares it with the manifest. It returns all
// that is wrong, file by file.
func (b *Backup) Verify(ctx context.Context) error {
	var errs []error
	for _, f := range b.Manifest.Files {
		if err := b.verify(ctx, &f); err != nil {
			errs = append(errs, err)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return errors.Join(errs...)
}

func (b *Backup) verify(ctx context.Context, f *File) error {
	if err := b.each(f.Name, func([]byte) error { return ctx.Err() }); err != nil {
		return err
	}
	file, err := b.fs.Open(b.fs.PathJoin(b.dir, f.Name))
	if err != nil {
		return err
	}
	defer file.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return err
	}
	if hex.EncodeToString(sum.Sum(nil)) != f.SHA256 {
		return b.damaged(f.Name, "its checksum is not that of the manifest")
	}
	return nil
}

func (b *Backup) damaged(name, format string, args ...any) error {
	return fmt.Errorf("%w: %s: %s", ErrDamaged, b.fs.PathJoin(b.dir, name), fmt.Sprintf(format, args...))
}

// each calls fn for the frames of a file. The content is fn's.
func (b *Backup) each(name string, fn func(content []byte) error) error {
	want := b.Manifest.file(name)
	path := b.fs.PathJoin(b.dir, name)
	f, err := b.fs.Open(path)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() != want.Size {
		return b.damaged(name, "it has %d bytes, the manifest says %d", info.Size(), want.Size)
	}
	r := &frameReader{src: bufio.NewReaderSize(f, frameBytes), left: want.Size}
	head, err := r.take(uint64(len(magic)))
	if err != nil || string(head) != magic {
		return b.damaged(name, "it is no file of a backup")
	}
	for r.left > 0 {
		at := want.Size - r.left
		content, err := r.frame()
		if errors.Is(err, ErrDamaged) {
			return b.damaged(name, "at byte %d: a frame is corrupt", at)
		}
		if err != nil {
			return fmt.Errorf("read %s at byte %d: %w", path, at, err)
		}
		if err := fn(content); err != nil {
			return err
		}
	}
	return nil
}

// frameReader reads frames; left bytes are there.
type frameReader struct {
	src  io.Reader
	left int64
}

// take reads n bytes if there are so many.
func (r *frameReader) take(n uint64) ([]byte, error) {
	if n > uint64(r.left) {
		return nil, ErrDamaged
	}
	r.left -= int64(n)
	var b bytes.Buffer // grows with what arrives
	_, err := io.CopyN(&b, r.src, int64(n))
	return b.Bytes(), err
}

func (r *frameReader) frame() ([]byte, error) {
	head, err := r.take(8)
	if err != nil {
		return nil, err
	}
	content, err := r.take(uint64(binary.BigEndian.Uint32(head)))
	if err == nil && crc32.Checksum(content, castagnoli) != binary.BigEndian.Uint32(head[4:]) {
		err = ErrDamaged
	}
	return content, err
}

// RangeVectors is part of engine.Source.
func (b *Backup) RangeVectors() (map[oplog.RangeID]crdt.VersionVector, error) {
	out := map[oplog.RangeID]crdt.VersionVector{}
	err := b.each(rangesFile, func(content []byte) error {
		if len(content) < 2 {
			return b.damaged(rangesFile, "a range is cut short")
		}
		vv, rest, err := crdt.DecodeVector(nil, content[2:])
		if err != nil || len(rest) > 0 {
			return b.damaged(rangesFile, "the vector of a range is corrupt")
		}
		out[oplog.RangeID(binary.BigEndian.Uint16(content))] = vv
		return nil
	})
	return out, err
}

// Users returns the users, as lines of an ACL file; none if the backup is older
// than them.
func (b *Backup) Users() (lines []string, err error) {
	if b.Manifest.file(usersFile) == nil {
		return nil, nil
	}
	err = b.each(usersFile, func(content []byte) error {
		lines = append(lines, string(content))
		return nil
	})
	return lines, err
}

// EachState is part of engine.Source.
func (b *Backup) EachState(start, end []byte, fn func(key, value []byte) error) error {
	for i := range stateFiles {
		first := binary.BigEndian.AppendUint16(nil, uint16(i*rangesAFile))
		behind := binary.BigEndian.AppendUint16(nil, uint16((i+1)*rangesAFile))
		if end != nil && bytes.Compare(end, first) <= 0 || bytes.Compare(behind, start) <= 0 {
			continue
		}
		err := b.each(stateName(i), func(content []byte) error {
			return b.records(stateName(i), content, func(key, value []byte) error {
				if bytes.Compare(key, start) < 0 || end != nil && bytes.Compare(key, end) >= 0 {
					return nil
				}
				return fn(key, value)
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// records calls fn for the records of a frame.
func (b *Backup) records(name string, content []byte, fn func(key, value []byte) error) error {
	next := func() ([]byte, bool) {
		n, k := binary.Uvarint(content)
		if k <= 0 || n > uint64(len(content)-k) {
			return nil, false
		}
		s := content[k : k+int(n) : k+int(n)]
		content = content[k+int(n):]
		return s, true
	}
	for len(content) > 0 {
		key, ok := next()
		value, ok2 := next()
		if !ok || !ok2 {
			return b.damaged(name, "a record is cut short")
		}
		if err := fn(key, value); err != nil {
			return err
		}
	}
	return nil
}

// Replay is part of engine.Source: the blocks are in a causal order already.
func (b *Backup) Replay(from crdt.VersionVector, fn func(b *oplog.Block) error) error {
	return b.each(logFile, func(content []byte) error {
		block, err := oplog.DecodeBlock(content)
		if err != nil {
			return b.damaged(logFile, "%v", err)
		}
		if block.Last <= from.Get(block.Replica) {
			return nil
		}
		return fn(block)
	})
}
