package main

import (
	"os"
	"runtime"

	"crdb/control/conf"
)

// spareProcs gives Go more processors than the machine has, as many as there
// are event loops. Go's scheduler knows no priorities: with every processor of
// its own at work for replication, a checkpoint or the collector, a loop that
// wakes would wait until one is taken from them, after 10 ms. With one to spare
// it goes to the operating system at once, which lets it run at once (see
// package resp). GOMAXPROCS, when set, is left as it is.
func spareProcs(s *conf.Settings) {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + s.IOThreads)
	}
}
