package main

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// While something catches up there are more processors, once, and some seconds
// after it the usual number again.
func TestProcs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var got []int
		p := &procs{usual: 3, heavy: make(chan struct{}, 1), set: func(n int) {
			mu.Lock()
			defer mu.Unlock()
			got = append(got, n)
		}}
		stop := p.start()
		expect := func(when string, want ...int) {
			t.Helper()
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			if !slices.Equal(got, want) {
				t.Errorf("%s: %v, not %v", when, got, want)
			}
		}
		expect("at rest")
		for range 100 {
			p.eased()
			time.Sleep(100 * time.Millisecond)
		}
		expect("catching up", 7)
		time.Sleep(procsKeep + 2*procsLook)
		expect("after it", 7, 3)
		p.eased()
		expect("once more", 7, 3, 7)
		stop()
	})
}
