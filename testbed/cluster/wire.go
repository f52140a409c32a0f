package cluster

import (
	"sync"
	"time"
)

// weather is what a wire does to the bytes on it. The zero value does
// nothing.
type weather struct {
	refuse bool          // no connection lives
	hold   bool          // connections live, no byte moves
	delay  time.Duration // every byte arrives that much later
	rate   int           // bytes a second, 0 for no limit
	lose   int           // of about so many chunks one loses bytes, 0 for none
}

// wire is one direction between two regions.
type wire struct {
	mu struct {
		sync.Mutex
		now     weather
		changed chan struct{} // closed at the next change
	}
}

func newWire() *wire {
	w := &wire{}
	w.mu.changed = make(chan struct{})
	return w
}

func (w *wire) set(f func(*weather)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f(&w.mu.now)
	close(w.mu.changed)
	w.mu.changed = make(chan struct{})
}

func (w *wire) get() (weather, <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.mu.now, w.mu.changed
}

// pass waits until the wire moves bytes again and returns its weather; false
// when done is closed first.
func (w *wire) pass(done <-chan struct{}) (weather, bool) {
	for {
		now, changed := w.get()
		if !now.hold {
			return now, true
		}
		select {
		case <-changed:
		case <-done:
			return now, false
		}
	}
}
