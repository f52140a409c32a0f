package host

import (
	"context"
	"encoding/json"
	"errors"
	"io"

	"crdb/backup"
	"crdb/command"
	"crdb/control/api"
	"crdb/crdt"
	"crdb/engine"
)

// Backup is part of control.Instance.
func (i *instance) Backup(ctx context.Context, dir string, config *api.Database, progress func(done float64)) (*api.Moved, error) {
	ctx, end, err := i.work(ctx)
	if err != nil {
		return nil, err
	}
	defer end()
	data, err := json.Marshal(config)
	if err != nil {
		return nil, err
	}
	snap, err := i.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	defer snap.Close()
	m := &backup.Manifest{
		Version: i.host.opts.Version, CreatedMS: i.host.wall(), Config: data,
		Database: i.spec.GUID, Name: i.spec.Name, Region: i.host.settings.Region, Replica: crdt.ReplicaID(i.spec.Replica),
	}
	if err := backup.Write(ctx, backup.Options{FS: i.host.fs, Dir: dir, Progress: progress}, snap, m); err != nil {
		return nil, because(ctx, err)
	}
	return &api.Moved{Bytes: m.Bytes()}, nil
}

// Restore is part of control.Instance. What the backup's clients saw becomes
// fresh writes of this instance: it is recovered, exported as a dump file, and
// imported, without the file ever being anywhere as a whole.
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
			Keys:     &engine.Frozen{Source: b, Seed: seed(b.Manifest.Database), Now: i.host.wall()},
			Version:  b.Manifest.Version,
			Progress: at.store,
		})
		w.CloseWithError(err) // nil: the end of the file
		done <- err
	}()
	n, err := i.commands.Import(ctx, r, command.ImportOptions{
		Mode:     command.ImportEmpty,
		Progress: func(n command.ImportResult) { progress(api.Moved(n), at.load()) },
	})
	r.CloseWithError(errors.New("the import has ended"))
	if e := <-done; e != nil && err == nil {
		err = e
	}
	return api.Moved(n), because(ctx, err)
}
