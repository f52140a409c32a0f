package main

import (
	"context"
	"runtime"
	"testing"
	"time"

	"crdb/control/conf"
)

func TestGCPercent(t *testing.T) {
	s := conf.Defaults()
	for _, c := range []struct {
		live uint64
		want int
	}{{0, 600}, {1 << 20, 600}, {48 << 20, 50}, {96 << 20, 25}, {256 << 20, 15}, {1 << 40, 15}} {
		if got := gcPercent(c.live, s, false); got != c.want {
			t.Errorf("%d MiB: %d, want %d", c.live>>20, got, c.want)
		}
	}
	if got := gcPercent(96<<20, s, true); got != 25*catchingUp {
		t.Errorf("96 MiB while catching up: %d, want %d", got, 25*catchingUp)
	}
}

// TestEveryCollectionTells: the percentage of a heap that grows fast must follow
// each collection, or it grows by that of the small heap that it was.
func TestEveryCollectionTells(t *testing.T) {
	cycles, forget := gcCycles()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	for range 3 {
		for told := false; !told; {
			runtime.GC()
			select {
			case <-cycles:
				told = true
			case <-ctx.Done():
				t.Fatal("collections go on and nobody tells")
			default:
				runtime.Gosched()
			}
		}
	}
	forget()
}

func TestAtRest(t *testing.T) {
	const mib = 1 << 20
	small := heap{live: 30 * mib, objects: 50 * mib}
	for _, c := range []struct {
		name    string
		seconds []heap // allocs: in that second
		want    bool
	}{
		{"garbage, and quiet for two seconds", []heap{small, small}, true},
		{"quiet for one second", []heap{{allocs: 5 * mib}, small}, false},
		{"busy again", []heap{small, small, {live: 30 * mib, objects: 50 * mib, allocs: 3 * mib}}, false},
		{"little garbage", []heap{small, {live: 30 * mib, objects: 33 * mib}}, false},
		{"free pages that were not given back", []heap{small, {live: 30 * mib, objects: 31 * mib, free: 9 * mib}}, true},
		{"little for a large heap", []heap{small, {live: 400 * mib, objects: 420 * mib, free: 9 * mib}}, false},
		{"a collection runs", []heap{small, {live: 30 * mib, objects: 29 * mib}}, false},
	} {
		u, total, got := tuner{}, uint64(0), false
		for _, h := range c.seconds {
			total += h.allocs
			h.allocs = total
			got = u.atRest(h)
		}
		if got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
