package host

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"

	"crdb/command"
	"crdb/control/api"
	"crdb/engine"
	"crdb/oplog"
	"crdb/rdb"
)

// work lets something long use the instance until it has ended; Close cancels
// the context and waits.
func (i *instance) work(ctx context.Context) (_ context.Context, end func(), err error) {
	i.life.RLock()
	defer i.life.RUnlock()
	if i.closed {
		return nil, nil, oplog.ErrClosed
	}
	ctx, cancel := context.WithCancelCause(ctx)
	i.long.Add(1)
	stop := context.AfterFunc(i.closing, func() { cancel(oplog.ErrClosed) })
	return ctx, func() { stop(); cancel(nil); i.long.Done() }, nil
}

// snapshot is what is on disk once everything written before is. A checkpoint
// before it makes the log that has to be read with it short. despite are the reasons for
// which no writes are taken that are none not to read.
func (i *instance) snapshot(ctx context.Context, despite ...error) (*oplog.Snapshot, error) {
	if err := i.complete(); err != nil {
		return nil, err
	}
	err := i.Err()
	if err != nil && !slices.ContainsFunc(despite, func(known error) bool { return errors.Is(err, known) }) {
		return nil, coded(err) // it would wait for the disk
	}
	if err := i.engine.Checkpoint(); err != nil {
		return nil, coded(err)
	}
	return i.log.Snapshot(ctx)
}

// complete refuses what would take the part of a database that is here for all there is.
func (i *instance) complete() error {
	if why := i.CatchingUp(); why != "" {
		return api.Errorf(http.StatusServiceUnavailable, api.CodeNotReady, "region %s has not got the state of the database yet; use another region (%s)", i.host.settings.Region, why)
	}
	return nil
}

// Export is part of control.Instance.
func (i *instance) Export(ctx context.Context, dst io.Writer) (api.Moved, error) {
	ctx, end, err := i.work(ctx)
	if err != nil {
		return api.Moved{}, err
	}
	defer end()
	snap, err := i.snapshot(ctx, oplog.ErrClock, oplog.ErrForbidden) // it may be all that is left
	if err != nil {
		return api.Moved{}, err
	}
	defer snap.Close()
	n, err := command.Export(ctx, dst, command.ExportOptions{
		Keys:    &engine.Frozen{Source: snap, Seed: seed(i.spec.GUID), Now: i.host.wall()},
		Version: i.host.opts.Version,
		Sizes: func(db int) (keys, dated int) {
			tx := i.engine.NewTx()
			return tx.LenOf(db), tx.ExpiresOf(db)
		},
	})
	return api.Moved{Bytes: n.Bytes, Keys: n.Keys, Functions: n.Functions}, because(ctx, err)
}

// Clients of the control plane count the databases as the engine does.
var _ [api.Databases]struct{} = [engine.Databases]struct{}{}

// Import is part of control.Instance.
func (i *instance) Import(ctx context.Context, src io.Reader, mode string, progress func(api.Moved)) (api.Moved, error) {
	m, err := command.ParseImportMode(mode)
	if err != nil {
		return api.Moved{}, err
	}
	ctx, end, err := i.work(ctx)
	if err != nil {
		return api.Moved{}, err
	}
	defer end()
	if m == command.ImportEmpty || m == command.ImportFlush {
		if err := i.complete(); err != nil { // it looks empty, and a flush removes what is here
			return api.Moved{}, err
		}
	}
	n, err := i.commands.Import(ctx, src, command.ImportOptions{Mode: m, Progress: func(n command.ImportResult) { progress(api.Moved(n)) }})
	return api.Moved(n), coded(because(ctx, err))
}

// coded gives an error that is none of the node's own a code that says so: an
// internal error is for those that nobody outside can mend.
func coded(err error) error {
	var file *rdb.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &file), errors.Is(err, command.ErrNotEmpty):
		return api.Errorf(http.StatusBadRequest, api.CodeBadRequest, "%v", err)
	case errors.Is(err, command.ErrImporting):
		return api.Errorf(http.StatusConflict, api.CodeConflict, "%v", err)
	case errors.Is(err, command.ErrOverMemory):
		return api.Errorf(http.StatusInsufficientStorage, api.CodeLimit, "%v", err)
	case errors.Is(err, oplog.ErrDiskFull), errors.Is(err, oplog.ErrClock), errors.Is(err, oplog.ErrFailed):
		return api.Errorf(http.StatusInsufficientStorage, api.CodeRefused, "%v", err)
	}
	return err
}

// because names the cause of an end by a context.
func because(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return context.Cause(ctx)
	}
	return err
}
