package control

import (
	"errors"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"crdb/control/api"
)

// halfWritten makes the disk of a node take the notes that changes begin with, and say of
// what follows that it failed, although it may be there.
func (n *testNode) halfWritten() (broken *atomic.Bool) {
	broken = &atomic.Bool{}
	dir := filepath.Join(n.opts.Settings.Dir, notesDir)
	var syncs atomic.Int64
	n.Close()
	n.opts.FS = errorfs.Wrap(vfs.Default, errorfs.InjectorFunc(func(op errorfs.Op) error {
		switch {
		case !broken.Load() || !strings.HasPrefix(op.Path, dir):
		case op.Kind == errorfs.OpFileSync && op.Path == dir && syncs.Add(1) > 1, op.Kind == errorfs.OpRemoveAll:
			return errors.New("input/output error")
		}
		return nil
	}))
	n.start()
	broken.Store(true)
	return broken
}

// A change of which a write failed that may be on disk is neither made nor given up
// before that is known.
func TestAChangeThatMayBeDecided(t *testing.T) {
	for name, crash := range map[string]bool{"a crash": true, "the disk comes back": false} {
		t.Run(name, func(t *testing.T) {
			_, nodes, guid := four(t)
			n := nodes[0]
			broken := n.halfWritten()
			task := n.modify(guid, setting(5))
			if task.Status != api.TaskFailed {
				t.Fatalf("task: %+v", task)
			}
			if nodes[1].database(guid).record.Posted == nil {
				t.Error("a member was told that it is given up")
			}
			if crash {
				n.Close()
				broken.Store(false)
				n.start()
			}
			broken.Store(false)
			eventually(t, "no note is left", func() bool { return n.waiting() == 0 })
			want, _ := n.inForce(guid) // after a crash it may have been decided
			if want != 1 && !crash {
				t.Error("what was given up is in force")
			}
			agreeOn(t, guid, want, nodes[:3]...)
			n.restart()
			eventually(t, "no note is left", func() bool { return n.waiting() == 0 })
			agreeOn(t, guid, want, nodes[:3]...)
			if task := n.modify(guid, setting(7)); task.Status != api.TaskFinished {
				t.Errorf("the next one: %+v", task)
			}
		})
	}
}
