package regions

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"crdb/testbed/cluster"
)

const (
	defaultSeconds = 50
	scheduleLength = 250
	maxReports     = 5
)

func options() cluster.Options {
	return cluster.Options{Regions: names, Config: []string{"enable-debug-command yes"}}
}

// seconds is how long a part of the tests runs: so much of the whole.
func seconds(t *testing.T, percent int) time.Duration {
	t.Helper()
	return time.Duration(number(t, "REGIONS_SECONDS", defaultSeconds)) * time.Second * time.Duration(percent) / 100
}

func number(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

func firstSeed(t *testing.T) uint64 {
	t.Helper()
	seed := number(t, "REGIONS_SEED", rand.Uint64N(1<<40))
	t.Logf("first seed: REGIONS_SEED=%d", seed)
	return seed
}

// TestFound plays the schedules that once failed.
func TestFound(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no schedules in testdata: %v", err)
	}
	s := &stage{c: cluster.StartTest(t, options())}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		steps, err := parseSchedule(string(text))
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if differ, err := s.play(t.Context(), steps); err != nil || len(differ) > 0 {
			t.Errorf("%s: %s", file, verdict(differ, err))
		}
	}
}

// TestTurns plays random schedules for a while. Each has its own seed: the
// first one's, counted on.
func TestTurns(t *testing.T) {
	seed, s := firstSeed(t), &stage{c: cluster.StartTest(t, options())}
	end := time.Now().Add(seconds(t, 60))
	n, failed := 0, 0
	for ; time.Now().Before(end) && failed < maxReports; n++ {
		steps := newSchedule(seed, scheduleLength)
		differ, err := s.play(t.Context(), steps)
		if err != nil {
			t.Fatalf("REGIONS_SEED=%d: %v\nthe end of the schedule:\n%s", seed, err, steps[max(0, len(steps)-40):])
		}
		if len(differ) > 0 {
			s.report(t, seed, steps, differ)
			failed++
		}
		seed++
	}
	t.Logf("%d schedules of about %d steps played", n, scheduleLength)
}

// report cuts a failing schedule down to what makes the same key differ.
func (s *stage) report(t *testing.T, seed uint64, steps schedule, differ []difference) {
	t.Helper()
	at := differ[0].at
	short := shrink(steps, func(some schedule) bool {
		d, err := s.play(t.Context(), some)
		for i := range d {
			if err == nil && d[i].at == at {
				differ = d
				return true
			}
		}
		return false
	})
	t.Errorf("REGIONS_SEED=%d: %s\nthe schedule, cut down (%d steps):\n%s", seed, verdict(differ, nil), len(short), short)
}

func verdict(differ []difference, err error) string {
	if err != nil {
		return err.Error()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "the regions disagree on %d keys", len(differ))
	for _, d := range differ[:min(len(differ), 8)] {
		b.WriteString("\n")
		b.WriteString(d.String())
	}
	return b.String()
}
