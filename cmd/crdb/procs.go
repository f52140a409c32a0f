package main

import (
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"crdb/control/conf"
)

// procs gives Go more processors than the machine has, as many as there are
// event loops. Go's scheduler knows no priorities: with every processor of its
// own at work for replication, a checkpoint or the collector, a loop that wakes
// would wait until one is taken from them, after 10 ms. With one to spare it goes
// to the operating system at once, which lets it run at once (see package resp).
//
// While a region catches up with clients served meanwhile, one is not enough: the
// system takes processors from threads that hold one of Go's. So there are some
// more then, and not always: idle ones are looked for by Go again and again,
// which costs a tenth of the CPU of a write.
//
// GOMAXPROCS, when set in the environment, is left as it is.
type procs struct {
	usual int
	set   func(n int)

	heavy  chan struct{} // of size 1: eased has been called
	raised atomic.Bool   // something catches up
	last   atomic.Int64  // of eased, Unix nanoseconds
}

const (
	// procsMore is how many more there are while catching up.
	procsMore = 4
	// procsLook is how often it is looked whether that is over, and procsKeep for
	// how long it has to be: each change stops the process for a moment.
	procsLook = time.Second
	procsKeep = 5 * time.Second
)

// newProcs sets the usual number of processors. The settings tell how many loops
// there are.
func newProcs(s *conf.Settings) *procs {
	p := &procs{heavy: make(chan struct{}, 1), usual: runtime.GOMAXPROCS(0) + s.IOThreads}
	p.set = func(n int) { runtime.GOMAXPROCS(n) }
	if os.Getenv("GOMAXPROCS") != "" {
		p.set = func(int) {}
	}
	p.set(p.usual)
	return p
}

// start follows what eased says until stop is called.
func (p *procs) start() (stop func()) {
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { p.run(done) })
	return func() { close(done); wg.Wait() }
}

// eased says that something catches up at the cost of clients. Any goroutine
// calls it, often.
func (p *procs) eased() {
	p.last.Store(time.Now().UnixNano())
	if p.raised.Load() {
		return
	}
	select {
	case p.heavy <- struct{}{}:
	default:
	}
}

func (p *procs) run(done <-chan struct{}) {
	for {
		select {
		case <-p.heavy:
		case <-done:
			return
		}
		p.raised.Store(true)
		p.set(p.usual + procsMore)
		if !p.over(done) {
			return
		}
		p.set(p.usual)
		p.raised.Store(false)
	}
}

// over waits until nothing has caught up for a while; false: done ended first.
func (p *procs) over(done <-chan struct{}) bool {
	tick := time.NewTicker(procsLook)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if time.Now().UnixNano()-p.last.Load() > int64(procsKeep) {
				return true
			}
		case <-done:
			return false
		}
	}
}
