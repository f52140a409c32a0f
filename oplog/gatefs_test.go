package oplog

import (
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// gateFS lets a test hold every sync at the disk.
type gateFS struct {
	vfs.FS
	mu      sync.Mutex
	wait    chan struct{}
	reached chan struct{} // one per held sync
}

func newGateFS(fs vfs.FS) *gateFS {
	g := &gateFS{reached: make(chan struct{}, 1000)}
	g.FS = errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
		switch op.Kind {
		case errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo:
			g.mu.Lock()
			wait := g.wait
			g.mu.Unlock()
			if wait != nil {
				g.reached <- struct{}{}
				<-wait
			}
		}
		return nil
	}))
	return g
}

func (g *gateFS) shut() {
	g.mu.Lock()
	g.wait = make(chan struct{})
	g.mu.Unlock()
}

func (g *gateFS) open() {
	g.mu.Lock()
	close(g.wait)
	g.wait = nil
	g.mu.Unlock()
}
