package sim

import (
	"encoding/json"
	"flag"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var (
	seedFlag   = flag.Uint64("seed", 0, "the one seed to run")
	configFlag = flag.String("config", "", "the one configuration to run, as a failure prints it")
	runsFlag   = flag.Int("runs", 20, "how many seeds to run")
	shrinkFlag = flag.Bool("shrink", true, "look for the smallest configuration that fails")
	fromFlag   = flag.Uint64("from", 1, "the first seed")
)

// hung is how long a run may take in real time. A goroutine that waits for a
// mutex which nobody gives back stops virtual time for good.
const hung = 10 * time.Minute

// simulate plays a configuration in a bubble.
func simulate(t *testing.T, c Config, tune func(*run)) (res Result) {
	done := make(chan Result, 1)
	var bubble atomic.Value
	bubble.Store("none yet")
	go func() { // ends with the run; never, if it hangs
		var res Result
		defer func() {
			if e := recover(); e != nil && !(res.Parked && strings.Contains(fmt.Sprint(e), "blocked goroutines remain")) {
				res.Failures = append(res.Failures, fmt.Sprintf("S8: %v\n%s", e, stacks()))
			}
			done <- res
		}()
		synctest.Test(t, func(t *testing.T) {
			bubble.Store(bubbleName())
			res = play(c, tune)
		})
	}()
	var stuck stuckInStore
	for end := time.Now().Add(hung); ; {
		select {
		case res = <-done:
			return res
		case <-time.After(stuckLook):
		}
		if c.stalls() && stuck.look(bubble.Load().(string)) {
			return Result{Config: c, Stuck: true}
		}
		if time.Now().After(end) {
			return Result{Config: c, Failures: []string{"S8: the run hangs\n" + stacks()}}
		}
	}
}

const (
	stuckLook = 5 * time.Second // between two looks at a run, in real time
	stuckMost = 4               // looks in a row
)

// stuckInStore is how many looks in a row have found each goroutine waiting for a store's
// mutex, while no other of the bubble ran. It is held by one that waits for the disk, so that virtual time, in which the
// disk would be mended, does not pass. Outside of a bubble it does.
type stuckInStore map[string]int

// look reports whether one has waited for stuckMost looks.
func (s *stuckInStore) look(bubble string) (stuck bool) {
	now := stuckInStore{}
	for _, g := range strings.Split(stacks(), "\n\n") {
		head, _, _ := strings.Cut(g, "\n")
		if strings.Contains(head, bubble) && strings.Contains(head, " [run") { // running, or runnable
			*s = nil
			return false
		}
		if strings.Contains(head, bubble) && strings.Contains(head, "sync.Mutex.Lock") && strings.Contains(g, "pebble/v2.(*commitPipeline)") {
			id, _, _ := strings.Cut(head, " [")
			now[id] = (*s)[id] + 1
			stuck = stuck || now[id] == stuckMost
		}
	}
	*s = now
	return stuck
}

// bubbleName is how stacks name the bubble of the goroutine that calls.
func bubbleName() string {
	buf := make([]byte, 200)
	head, _, _ := strings.Cut(string(buf[:runtime.Stack(buf, false)]), "]")
	return head[strings.LastIndex(head, "synctest bubble"):] + "]"
}

// stacks are those of the goroutines that are in a bubble.
func stacks() string {
	buf := make([]byte, 64<<20)
	var in []string
	for _, g := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if head, _, _ := strings.Cut(g, "\n"); strings.Contains(head, "synctest bubble") {
			in = append(in, g)
		}
	}
	return strings.Join(in, "\n\n")
}

// TestSeeds plays seed after seed. See the flags for playing one, or more.
func TestSeeds(t *testing.T) {
	var configs []Config
	switch {
	case *configFlag != "":
		var c Config
		if err := json.Unmarshal([]byte(*configFlag), &c); err != nil {
			t.Fatal(err)
		}
		configs = append(configs, c)
	case *seedFlag != 0:
		configs = append(configs, draw(*seedFlag))
	case *runsFlag > batchRuns:
		inBatches(t)
		return
	default:
		for i := range *runsFlag {
			configs = append(configs, draw(*fromFlag+uint64(i)))
		}
	}
	var all totals
	t.Run("all", func(t *testing.T) {
		for _, c := range configs {
			t.Run(fmt.Sprint("seed=", c.Seed), func(t *testing.T) {
				t.Parallel()
				res := simulate(t, c, nil)
				all.add(&res)
				if testing.Verbose() {
					t.Log(&res)
				}
				if len(res.Failures) > 0 {
					report(t, res)
				}
			})
		}
	})
	all.print(t)
}

// TestFoundSeeds plays seeds that failed once and are quick: a copy of a node, started while
// the links of its original were dropped by hand, took the original's place in what others
// had sent (385525).
func TestFoundSeeds(t *testing.T) {
	for _, seed := range []uint64{385525} {
		if res := simulate(t, draw(seed), nil); len(res.Failures) > 0 {
			report(t, res)
		}
	}
}

// report makes a failed run as small as it gets, and prints it.
func report(t *testing.T, failed Result) {
	t.Errorf("seed %d fails: %s\nconfiguration: %v", failed.Config.Seed, strings.Join(failed.Failures, "\n"), failed.Config)
	if !*shrinkFlag {
		t.Logf("trace:\n%s", strings.Join(failed.Trace, "\n"))
		return
	}
	small := shrink(failed, 60, func(c Config) Result {
		return simulate(t, c, func(r *run) { r.verbose = true })
	})
	t.Logf("the smallest that fails: %s\nconfiguration: %v\ntrace:\n%s",
		strings.Join(small.Failures, "\n"), small.Config, strings.Join(small.Trace, "\n"))
	t.Logf("again: make sim SEED=%d, or: make sim CONFIG='%v'", failed.Config.Seed, small.Config)
}

// TestJoiningWithBackups: regions come and go, and come with backups, old ones
// and damaged ones among them, which spare bytes and change nothing else.
func TestJoiningWithBackups(t *testing.T) {
	if joinings(t, "backup", "grow", "shrink", "crash").Spared == 0 {
		t.Error("no backup spared anything")
	}
}

// TestOtherDatabases: databases made of backups show what these cover, their own dump
// files change nothing, and what was deleted is gone (S11).
func TestOtherDatabases(t *testing.T) {
	if joinings(t, "backup", "other", "crash", "cut").Restored == 0 {
		t.Error("no database was made of a backup")
	}
}

// joinings plays a few runs whose members come and go, and sums up what backups did.
func joinings(t *testing.T, faults ...string) (sum Result) {
	for seed := range uint64(4) {
		c := joining(plain(faults...))
		c.Seed = seed + 1
		res := simulate(t, c, nil)
		if len(res.Failures) > 0 {
			report(t, res)
		}
		sum.Spared += res.Spared
		sum.Restored += res.Restored
	}
	return sum
}
