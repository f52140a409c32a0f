package oplog

import (
	"errors"
	"runtime"
	"sync"

	"github.com/cockroachdb/pebble/v2"
)

// opening is what Pebble does behind Open. Open flushes what the log of the last run
// has, and waits for that: a flush that fails it begins again at once, without end, and
// takes no word that it should stop. A full disk, or a directory that takes no files,
// would keep a processor busy, fill the node's log and hold the start up for good.
//
// So the first failure ends the opening. Pebble's goroutine that reports it ends in the
// report, and does not try again. The one that waits for it waits for good: it, and what
// Pebble has in memory by then, a memtable or two, are lost to the process.
type opening struct {
	mu     sync.Mutex
	over   bool  // Open has returned
	why    error // the failure
	failed chan struct{}
}

func newOpening() *opening { return &opening{failed: make(chan struct{})} }

// report takes a failure from the goroutine that met it, which it ends if the store is not
// open yet. Locks of Pebble that it holds are released as it ends.
func (o *opening) report(err error) {
	if o.note(err) {
		runtime.Goexit()
	}
}

func (o *opening) note(err error) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.over {
		return false
	}
	if o.why == nil {
		o.why = err
		close(o.failed)
	}
	return true
}

// end says that Open has returned, and which failure was reported before.
func (o *opening) end() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.over = true
	return o.why
}

// open opens Pebble's store. After an error nothing more of it reaches the disk, and the
// directory is released.
func (s *store) open(dir string, p *pebble.Options, o *opening) error {
	returned := make(chan error, 1)
	go func() {
		db, err := pebble.Open(dir, p)
		s.db = db
		returned <- err
	}()
	select {
	case err := <-returned:
		why := o.end()
		if err != nil {
			return errors.Join(openError(dir, err), s.lock.Close())
		}
		if why == nil {
			return nil
		}
	case <-o.failed:
	}
	s.guard.opened.Store(true) // what it writes from now on waits at the fence
	s.abandon()
	return openError(dir, o.why)
}
