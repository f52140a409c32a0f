package main

import (
	"os"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"

	"crdb/control/conf"
)

// The collector trades memory for CPU. Most of a database's heap lives long,
// and little garbage is made, so a large heap may grow by a small part only: a
// gc-percent of 25 costs a few percent of CPU and saves most of the memory
// that Go's 100 would waste. A small heap would be collected all the time at
// that rate, so it may always grow by gc-headroom.

// maxGCPercent bounds what a very small heap grows by.
const maxGCPercent = 1000

// tuneGC keeps the collector's percentage fit for the size of the heap, until
// stop is called. GOGC and GOMEMLIMIT, when set, are left as they are.
func tuneGC(s *conf.Settings) (stop func()) {
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
		now := 0
		for {
			if want := gcPercent(liveHeap(), s); now == 0 || want < now*4/5 || want > now*5/4 {
				now = want
				debug.SetGCPercent(now)
			}
			select {
			case <-tick.C:
			case <-done:
				return
			}
		}
	})
	return func() { close(done); wg.Wait() }
}

// gcPercent is the percentage for a heap of that many live bytes.
func gcPercent(live uint64, s *conf.Settings) int {
	percent := maxGCPercent
	if live > 0 {
		percent = int(min(uint64(s.GCHeadroom)*100/live, maxGCPercent))
	}
	return max(percent, s.GCPercent)
}

// liveHeap is how many bytes the last collection left.
func liveHeap() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
