package host

import (
	"context"
	crand "crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"crdb/command"
	"crdb/control"
	"crdb/control/api"
	"crdb/oplog"
)

// An instance that has joined and not got its state makes no backup and no export,
// which would look complete, nor an import that is for an empty database, which it would look like, or
// that empties it first; as the only member left it goes on with what it has,
// and makes them.
func TestNoBackupOfAnInstanceWithoutItsState(t *testing.T) {
	s := settings(t, "us-east")
	o := control.Options{Settings: s, Now: time.Now, Rand: crand.Reader, FS: vfs.Default, Logger: slog.New(slog.DiscardHandler),
		Dial: func(ctx context.Context, a string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", a)
		},
		Listen: func(a string) (net.Listener, error) { return net.Listen("tcp", a) }}
	h, err := Opener(Options{Mono: func() int64 { return int64(time.Since(begun)) }, Rand: rand.Uint64})(o, "node")
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	inst, err := h.Open(control.Spec{Dir: filepath.Join(s.Dir, "db"), GUID: "g", Name: "cart", Replica: 2, Join: true, Run: 1, Notice: func(control.Notice) {}})
	if err != nil {
		t.Fatal(err)
	}
	defer inst.Close()
	backup := func() error {
		_, err := inst.Backup(t.Context(), filepath.Join(t.TempDir(), "b"), &api.Database{}, func(float64) {})
		return err
	}
	if err := backup(); !api.IsCode(err, api.CodeNotReady) {
		t.Errorf("backup: %v", err)
	}
	if _, err := inst.Export(t.Context(), io.Discard); !api.IsCode(err, api.CodeNotReady) {
		t.Errorf("export: %v", err)
	}
	inst.Forbid(nil) // clients are served already
	for _, mode := range []string{"", api.ImportFlush} {
		if _, err := inst.Import(t.Context(), strings.NewReader("REDIS0010"), mode, func(api.Moved) {}); !api.IsCode(err, api.CodeNotReady) {
			t.Errorf("import %q: %v", mode, err)
		}
	}
	inst.SetMembers(1, []control.Member{{Replica: 2, Region: "us-east", Addr: "127.0.0.1:1"}})
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for late := time.After(time.Minute); inst.(control.CatchingUp).CatchingUp() != ""; {
		select {
		case <-tick.C:
		case <-late:
			t.Fatal("it still waits for a state")
		}
	}
	if err := backup(); err != nil {
		t.Errorf("backup of the only member: %v", err)
	}
	if _, err := inst.Import(t.Context(), strings.NewReader("REDIS0010"), api.ImportMerge, func(api.Moved) {}); !api.IsCode(err, api.CodeBadRequest) {
		t.Errorf("import of a damaged file: %v", err) // not an internal error
	}
}

func TestCodesOfWhatOthersCanMend(t *testing.T) {
	for _, c := range []struct {
		err  error
		code string
	}{
		{command.ErrNotEmpty, api.CodeBadRequest}, {command.ErrImporting, api.CodeConflict}, {command.ErrOverMemory, api.CodeLimit},
		{fmt.Errorf("checkpoint: %w", oplog.ErrDiskFull), api.CodeRefused}, {errors.New("broken"), api.CodeInternal},
	} {
		if e := api.AsError(coded(c.err)); e.Code != c.code || e.Description != c.err.Error() {
			t.Errorf("%v: %+v, want %s", c.err, e, c.code)
		}
	}
}
