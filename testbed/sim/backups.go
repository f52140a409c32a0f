package sim

import (
	"context"
	"io"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/cockroachdb/pebble/v2/vfs"

	"crdb/control/api"
)

// backupDir is where a machine has a backup: on its disk, but not in the data
// directory.
const backupDir = "/backup"

// shelved is a backup as its files: an operator carries it between machines.
type shelved map[string][]byte

// maxShelf bounds the backups that are kept: the oldest goes.
const maxShelf = 4

// takeBackup writes a backup at a member and puts it on the shelf.
func takeBackup(r *run, rng *rand.Rand) {
	defer r.op.hold()()
	members := r.members()
	if len(members) == 0 {
		return
	}
	n := pick(rng, members)
	p := n.program()
	if p == nil {
		return
	}
	removeBackup(p.disk)
	err := r.op.do(n, "writes a backup", func(ctx context.Context, c *api.Client) (*api.Task, error) {
		return c.Backup(ctx, r.op.guid, backupDir)
	})
	if err != nil {
		return
	}
	b, err := readBackup(p.disk)
	if err != nil {
		r.trace("%s: the backup cannot be read: %v", n.name, err)
		return
	}
	if r.shelf = append(r.shelf, b); len(r.shelf) > maxShelf {
		r.shelf = r.shelf[1:]
	}
}

// bringBackup puts one of the backups on a machine's disk, whole, damaged or in
// part, and returns its directory; empty if there is none.
func bringBackup(r *run, n *node, rng *rand.Rand) string {
	if len(r.shelf) == 0 || rng.IntN(4) == 0 {
		return ""
	}
	p := n.program()
	if p == nil {
		return ""
	}
	removeBackup(p.disk)
	at, how := rng.IntN(len(r.shelf)), rng.IntN(8)
	r.trace("%s gets backup %d of %d, %d", n.name, at+1, len(r.shelf), how)
	if err := writeBackup(p.disk, r.shelf[at], how, rng); err != nil {
		r.trace("%s: the backup cannot be written: %v", n.name, err)
	}
	return backupDir
}

func removeBackup(d *Disk) {
	d.RemoveAll(backupDir) // it may not be there
}

func readBackup(d *Disk) (shelved, error) {
	names, err := d.List(backupDir)
	if err != nil {
		return nil, err
	}
	b := shelved{}
	for _, name := range names {
		f, err := d.Open(d.PathJoin(backupDir, name))
		if err != nil {
			return nil, err
		}
		b[name], err = io.ReadAll(f)
		f.Close()
		if err != nil {
			return nil, err
		}
	}
	return b, nil
}

// writeBackup writes the files, each with a bit flipped if how is 0, and not all
// of them if it is 1.
func writeBackup(d *Disk, b shelved, how int, rng *rand.Rand) error {
	if err := d.MkdirAll(backupDir, 0o700); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(b)) {
		data := b[name]
		if how == 1 && name != "MANIFEST" && rng.IntN(3) == 0 {
			continue
		}
		data = append([]byte(nil), data...)
		if how == 0 && name != "MANIFEST" && len(data) > 0 {
			data[rng.IntN(len(data))] ^= 1 << rng.IntN(8)
		}
		f, err := d.Create(d.PathJoin(backupDir, name), vfs.WriteCategoryUnspecified)
		if err != nil {
			return err
		}
		_, err = f.Write(data)
		if e := f.Sync(); err == nil {
			err = e
		}
		f.Close()
		if err != nil {
			return err
		}
	}
	return nil
}
