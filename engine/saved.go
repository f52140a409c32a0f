package engine

import (
	"sync"
	"time"
)

// Saved tells of the checkpoints since Open.
type Saved struct {
	At      int64         // unix milliseconds: when the last one ended; when the engine was opened if there was none
	Took    time.Duration // the last one; negative if there was none
	Running time.Duration // the one that runs now, so far; negative if none does
	Failed  bool          // the last one was given up
	Changes int64         // ops that no checkpoint may have: own ones on disk and applied ones of others
	Count   int64         // that succeeded
	Loaded  int64         // keys at Open
}

// savedState is what Saved is made of. mu guards it; it is held for a moment
// only, and nothing is taken under it.
type savedState struct {
	mu      sync.Mutex
	at      int64
	took    time.Duration
	began   int64 // monotonic
	running bool
	failed  bool
	before  int64 // ops when the last one that succeeded began, less what had been replayed
}

// Saved returns what is known of checkpoints. It takes no lock of a partition.
func (e *Engine) Saved() Saved {
	s, ops := &e.saved, e.opsSoFar()
	s.mu.Lock()
	defer s.mu.Unlock()
	r := Saved{At: s.at, Took: s.took, Running: -1, Failed: s.failed, Changes: max(ops-s.before, 0),
		Count: e.stats.checkpoints.Load(), Loaded: e.stats.recoveredKeys}
	if s.running {
		r.Running = time.Duration(e.opts.Mono() - s.began)
	}
	return r
}

// opsSoFar counts what has been written and applied since Open.
func (e *Engine) opsSoFar() int64 { return int64(e.log.Ops()) + e.stats.remoteOps.Load() }

// noteOpened: what recovery has replayed is in no checkpoint.
func (e *Engine) noteOpened() {
	e.saved.at, e.saved.took = e.opts.Wall(), -1
	e.saved.before = e.opsSoFar() - e.stats.replayedOps
}

// noteSaving tells that a checkpoint begins, and returns what to call at its
// end.
func (e *Engine) noteSaving() (end func(err error)) {
	s, ops, began := &e.saved, e.opsSoFar(), e.opts.Mono()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running, s.began = true, began
	return func(err error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.running, s.failed = false, err != nil
		if err == nil {
			s.at, s.took, s.before = e.opts.Wall(), time.Duration(e.opts.Mono()-began), ops
		}
	}
}
