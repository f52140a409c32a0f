package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"sync/atomic"
	"time"

	"crdb/control/conf"
)

// The collector trades memory for CPU. Most of a database's heap lives long,
// and little garbage is made, so a large heap may grow by a small part only: a
// gc-percent of 15 costs a few percent of CPU and saves most of the memory
// that Go's 100 would waste. A small heap would be collected all the time at
// that rate, so it may always grow by gc-headroom.
//
// The percentage follows every collection at once: a heap that grows by a
// hundred megabytes a second would else grow by the percentage of the small
// heap that it was. And a node that has come to rest gives back what it does
// not need, since the next collection may be long in coming.
//
// A collection stops the process twice, and where processors are short each stop
// lasts until all of Go's have had one. While a region catches up garbage is made
// quickly, so the heap may grow by more then.

// maxGCPercent bounds what a very small heap grows by. The runtime lets a heap
// grow to 4 MiB times this in any case, which is about the default of
// gc-headroom.
const maxGCPercent = 600

// catchingUp is how many times gc-headroom the heap may grow by while a region
// catches up and clients are served meanwhile.
const catchingUp = 4

// At rest is who allocates less than restRate bytes a second for restSeconds
// seconds; worth giving back is more than restWorth bytes and an eighth of what
// lives.
const (
	restSeconds = 2
	restRate    = 1 << 20
	restWorth   = 4 << 20
)

// tuneGC keeps the collector's percentage fit for the size of the heap, and the
// process small when it rests, until stop is called. GOGC and GOMEMLIMIT, when
// set, are left as they are. heavy reports whether a region catches up.
func tuneGC(s *conf.Settings, heavy func() bool) (stop func()) {
	if os.Getenv("GOMEMLIMIT") == "" && s.MemoryLimit > 0 {
		debug.SetMemoryLimit(s.MemoryLimit)
	}
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		cycles, forget := gcCycles()
		defer forget()
		t := tuner{s: s, heavy: heavy}
		t.collected(readHeap())
		for {
			select {
			case <-cycles:
				t.collected(readHeap())
			case <-tick.C:
				if t.atRest(readHeap()) {
					debug.FreeOSMemory()
				}
			case <-done:
				return
			}
		}
	})
	return func() { close(done); wg.Wait() }
}

// tuner decides; one goroutine owns it.
type tuner struct {
	s       *conf.Settings
	heavy   func() bool
	percent int
	allocs  uint64 // at the last second
	resting int    // seconds
}

// collected sets the percentage after a collection.
func (t *tuner) collected(h heap) {
	if want := gcPercent(h.live, t.s, t.heavy()); t.percent == 0 || want < t.percent*9/10 || want > t.percent*11/10 {
		t.percent = want
		debug.SetGCPercent(want)
	}
}

// atRest hears of the heap every second, and reports whether it is time to give
// memory back.
func (t *tuner) atRest(h heap) bool {
	quiet := h.allocs-t.allocs < restRate
	if t.allocs = h.allocs; !quiet {
		t.resting = 0
		return false
	}
	t.resting++
	garbage := h.objects - min(h.live, h.objects)
	return t.resting >= restSeconds && garbage+h.free > max(restWorth, h.live/8)
}

// gcCycles returns a channel that tells of collections, several at once perhaps,
// until forget is called.
func gcCycles() (cycles <-chan struct{}, forget func()) {
	c := make(chan struct{}, 1)
	var over atomic.Bool
	var arm func()
	arm = func() {
		// Nothing refers to the object: the next collection finds it.
		runtime.AddCleanup(&[16]byte{}, func(struct{}) {
			if over.Load() {
				return
			}
			select {
			case c <- struct{}{}:
			default:
			}
			arm()
		}, struct{}{})
	}
	arm()
	return c, func() { over.Store(true) }
}

// gcPercent is the percentage for a heap of that many live bytes.
func gcPercent(live uint64, s *conf.Settings, heavy bool) int {
	percent, headroom := maxGCPercent, uint64(s.GCHeadroom)
	if heavy {
		headroom *= catchingUp
	}
	if live > 0 {
		percent = int(min(headroom*100/live, maxGCPercent))
	}
	return max(percent, s.GCPercent)
}

// heap is what the runtime tells of itself, in bytes.
type heap struct {
	live    uint64 // what the last collection left
	objects uint64 // live or not yet swept
	free    uint64 // free, and not given back
	allocs  uint64 // allocated, ever
}

func readHeap() heap {
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/heap/free:bytes"}, {Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(samples)
	return heap{samples[0].Value.Uint64(), samples[1].Value.Uint64(), samples[2].Value.Uint64(), samples[3].Value.Uint64()}
}
