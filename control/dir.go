package control

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"

	"crdb/control/api"
)

const (
	lockFile   = "LOCK"
	nodeFile   = "node.json"
	recordFile = "database.json"
	dataDir    = "data"
	tempSuffix = ".tmp"
	databases  = "databases"
	notesDir   = "changes"
	lostFound  = "lost+found" // of a file system that is mounted there
)

// dir is a node's data directory, locked.
type dir struct {
	fs   vfs.FS
	path string
	lock io.Closer
	id   identity
}

// identity says whose directory it is. It is written once.
type identity struct {
	Program string `json:"program"`
	Format  int    `json:"format"`
	NodeID  string `json:"node_id"`
	Region  string `json:"region"`
}

const program = "crdb"

// openDir locks the directory, creating it if need be, and checks that it
// belongs to a node of this region and format.
func openDir(vfs vfs.FS, path, region string, random io.Reader) (*dir, error) {
	d := &dir{fs: vfs, path: path}
	if err := d.make(); err != nil {
		return nil, fmt.Errorf("cannot create data directory %s: %w", path, err)
	}
	if err := d.checkForeign(); err != nil {
		return nil, err
	}
	lock, err := vfs.Lock(vfs.PathJoin(path, lockFile))
	if err != nil {
		if errors.Is(err, fs.ErrPermission) || strings.Contains(err.Error(), "read-only") {
			return nil, fmt.Errorf("data directory %s is not writable: %w", path, err)
		}
		return nil, fmt.Errorf("data directory %s is in use by another process: %w", path, err)
	}
	d.lock = lock
	if err := d.identify(region, random); err != nil {
		lock.Close()
		return nil, err
	}
	return d, nil
}

// make creates the directory, and makes every level it had to create durable.
func (d *dir) make() error {
	var parents []string
	for p := d.path; ; {
		if _, err := d.fs.Stat(p); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		parent := d.fs.PathDir(p)
		if parent == p {
			break
		}
		parents = append(parents, parent)
		p = parent
	}
	if err := d.fs.MkdirAll(d.path, 0o700); err != nil {
		return err
	}
	for _, p := range parents {
		if err := d.sync(p); err != nil {
			return err
		}
	}
	return nil
}

func (d *dir) close() error { return d.lock.Close() }

// checkForeign refuses a directory that holds anything but a node's files.
func (d *dir) checkForeign() error {
	entries, err := d.fs.List(d.path)
	if err != nil {
		return fmt.Errorf("cannot read data directory %s: %w", d.path, err)
	}
	if slices.Contains(entries, nodeFile) {
		return nil
	}
	for _, e := range entries {
		if e != lockFile && e != nodeFile+tempSuffix && e != lostFound {
			return fmt.Errorf("data directory %s is not crdb's: it holds %q and no %s; choose an empty directory", d.path, e, nodeFile)
		}
	}
	return nil
}

// identify reads whose directory it is, or makes it ours.
func (d *dir) identify(region string, random io.Reader) error {
	err := d.read(&d.id, nodeFile)
	if errors.Is(err, fs.ErrNotExist) {
		d.id = identity{program, api.FormatVersion, newGUID(random), region}
		if err := d.write(&d.id, nodeFile); err != nil {
			return fmt.Errorf("data directory %s is not writable: %w", d.path, err)
		}
		return nil
	}
	switch {
	case err != nil:
		return fmt.Errorf("data directory %s: %w", d.path, err)
	case d.id.Program != program:
		return fmt.Errorf("data directory %s is not crdb's: its %s is of %q", d.path, nodeFile, d.id.Program)
	case d.id.Format != api.FormatVersion:
		return fmt.Errorf("data directory %s has format version %d; this program reads and writes version %d", d.path, d.id.Format, api.FormatVersion)
	case d.id.Region != region:
		return fmt.Errorf("data directory %s belongs to region %q, not %q", d.path, d.id.Region, region)
	}
	return nil
}

// at returns a path inside the directory.
func (d *dir) at(elem ...string) string {
	return d.fs.PathJoin(append([]string{d.path}, elem...)...)
}

// mkdir creates a directory below the node's, and makes it durable.
func (d *dir) mkdir(elem ...string) error {
	path := d.at(elem...)
	if err := d.fs.MkdirAll(path, 0o700); err != nil {
		return err
	}
	return d.sync(d.fs.PathDir(path))
}

// remove removes a file or directory, and makes that durable. What is not
// there is removed already.
func (d *dir) remove(elem ...string) error {
	path := d.at(elem...)
	if err := d.fs.RemoveAll(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return d.sync(d.fs.PathDir(path))
}

// removeFrom is remove in a directory that is made when it is needed first.
func (d *dir) removeFrom(dir, name string) error {
	err := d.remove(dir, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// list returns the names in a directory, sorted; none if there is no such
// directory.
func (d *dir) list(elem ...string) ([]string, error) {
	names, err := d.fs.List(d.at(elem...))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	slices.Sort(names)
	return names, err
}

func (d *dir) sync(path string) error {
	f, err := d.fs.OpenDir(path)
	if err != nil {
		return err
	}
	err = f.Sync()
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}

// newGUID makes a random identifier (a UUID of version 4).
func newGUID(random io.Reader) string {
	var b [16]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		panic("control: no randomness: " + err.Error())
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
