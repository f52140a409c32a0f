package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"crdb/backup"
	"crdb/command"
	"crdb/control/api"
	"crdb/crdt"
	"crdb/engine"
	"crdb/oplog"
	"crdb/peer"
)

// Backup is part of control.Instance.
func (i *instance) Backup(ctx context.Context, dir string, config *api.Database, progress func(done float64)) (*api.Moved, error) {
	ctx, end, err := i.work(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	leave, err := i.host.takeDir(dir)
	if err != nil {
		return nil, err
	}
	defer leave()
	data, err := json.Marshal(config)
	if err != nil {
		return nil, err
	}
	snap, err := i.snapshot(ctx, oplog.ErrClock)
	if err != nil {
		return nil, err
	}
	defer snap.Close()
	m := &backup.Manifest{
		Version: i.host.opts.Version, CreatedMS: i.host.wall(), Config: data,
		Database: i.spec.GUID, Name: i.spec.Name, Region: i.host.settings.Region, Replica: crdt.ReplicaID(i.spec.Replica),
	}
	if err := backup.Write(ctx, backup.Options{FS: i.host.fs, Dir: dir, Users: i.commands.Users(), Progress: progress}, snap, m); err != nil {
		return nil, because(ctx, err)
	}
	return &api.Moved{Bytes: m.Bytes()}, nil
}

// takeDir takes a directory for one backup: two that find it empty at the same time
// would write over each other's files.
func (h *Host) takeDir(dir string) (leave func(), err error) {
	dir = filepath.Clean(dir)
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.mu.backups[dir]; ok {
		return nil, fmt.Errorf("%w: another backup is being written to %s", backup.ErrDirectory, dir)
	}
	h.mu.backups[dir] = struct{}{}
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.mu.backups, dir)
	}, nil
}

// SetUsers is part of control.Instance.
func (i *instance) SetUsers(lines []string, add bool) error {
	if err := i.commands.SetUsers(lines, add); err != nil {
		return err
	}
	if !add && len(lines) == 1 && strings.Contains(lines[0], " nopass ") || i.spec.Users == "" {
		return nil // what every node has, which requirepass may still change
	}
	if err := i.commands.SaveUsers(i.spec.Users); err != nil {
		return err
	}
	return i.config.Set("aclfile", i.spec.Users)
}

// ownUsers makes the file that SetUsers has written the ACL file.
func (i *instance) ownUsers() error {
	if i.spec.Users == "" {
		return nil
	}
	if _, err := i.host.fs.Stat(i.spec.Users); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return i.config.Set("aclfile", i.spec.Users)
}

// Restore is part of control.Instance. What the backup's clients saw becomes
// fresh writes of this instance: it is recovered, exported as a dump file, and
// imported, without the file ever being anywhere as a whole. Clients may have found
// the new database before: what they have written stays.
func (i *instance) Restore(ctx context.Context, dir string, progress func(api.Moved, float64)) (api.Moved, error) {
	ctx, end, err := i.work(ctx)
	if err != nil {
		return api.Moved{}, err
	}
	defer end()
	b, err := backup.Open(i.host.fs, dir)
	if err != nil {
		return api.Moved{}, err
	}
	r, w := io.Pipe()
	done := make(chan error, 1)
	var at atomicFloat
	go func() {
		_, err := command.Export(ctx, w, command.ExportOptions{
			Keys:    &engine.Frozen{Source: b, Seed: seed(b.Manifest.Database), Now: i.host.wall()},
			Version: b.Manifest.Version, FieldDeadlines: true,
			Progress: at.store,
		})
		w.CloseWithError(err) // nil: the end of the file
		done <- err
	}()
	n, err := i.commands.Import(ctx, r, command.ImportOptions{
		Mode:     command.ImportBelow,
		Progress: func(n command.ImportResult) { progress(api.Moved(n), at.load()) },
	})
	r.CloseWithError(errors.New("the import has ended"))
	if e := <-done; e != nil && err == nil {
		err = e
	}
	return api.Moved(n), coded(because(ctx, err))
}

// older opens the backup that the instance joins with.
func (i *instance) older() (peer.Seed, error) {
	b, err := backup.Open(i.host.fs, i.spec.Backup)
	if err != nil {
		return nil, err
	}
	if id := b.Manifest.Database; id != i.spec.GUID {
		return nil, fmt.Errorf("%s is a backup of database %s", i.spec.Backup, id)
	}
	var vv crdt.VersionVector
	for id, at := range b.Manifest.Vector {
		vv.Set(id, at)
	}
	return engine.NewSeed(b, vv, seed(i.spec.GUID)), nil
}
