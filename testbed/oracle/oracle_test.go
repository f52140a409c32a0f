package oracle

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

const (
	defaultSeconds = 20
	streamLength   = 200
)

// servers starts what is compared. Without redis-server the test is left out,
// but not in CI.
func servers(t *testing.T) Pair {
	t.Helper()
	redis, stop, err := StartRedis(t.TempDir())
	if errors.Is(err, ErrNoRedis) && os.Getenv("CI") != "true" {
		fmt.Fprintln(os.Stderr, "\n*** THE ORACLE IS LEFT OUT: "+err.Error()+" ***")
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	crdb := os.Getenv("ORACLE_ADDR")
	if crdb == "" {
		crdb = startNode(t)
	}
	return Pair{Redis: redis, Crdb: crdb}
}

func TestOracle(t *testing.T) {
	pair := servers(t)
	t.Run("found", func(t *testing.T) { replayFound(t, pair) })
	if !t.Failed() {
		t.Run("random", func(t *testing.T) { playRandom(t, pair) })
	}
}

// replayFound plays the streams that once failed.
func replayFound(t *testing.T, pair Pair) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		stream, err := parseStream(string(text))
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, pair.Proto = range []int{2, 3} {
			if diff, err := pair.Run(stream); diff != nil || err != nil {
				t.Errorf("%s, RESP%d: %s", file, pair.Proto, verdict(diff, err))
			}
		}
	}
}

// playRandom plays random streams for a while. Each has its own seed: the
// first one's, counted on.
func playRandom(t *testing.T, pair Pair) {
	seconds := defaultSeconds
	if s := os.Getenv("ORACLE_SECONDS"); s != "" {
		var err error
		if seconds, err = strconv.Atoi(s); err != nil {
			t.Fatalf("ORACLE_SECONDS: %v", err)
		}
	}
	seed := rand.Uint64N(1 << 40)
	if s := os.Getenv("ORACLE_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatalf("ORACLE_SEED: %v", err)
		}
	}
	t.Logf("first seed: ORACLE_SEED=%d", seed)
	end := time.Now().Add(time.Duration(seconds) * time.Second)
	n := 0
	for ; time.Now().Before(end); n++ {
		pair.Proto = 2 + int(seed%2)
		stream := newGenerator(seed).stream(streamLength)
		if diff, err := pair.Run(stream); diff != nil || err != nil {
			report(t, pair, seed, stream, verdict(diff, err))
			return
		}
		seed++
	}
	t.Logf("%d streams of about %d commands agree", n, streamLength)
}

// report cuts the failing stream down and prints it.
func report(t *testing.T, pair Pair, seed uint64, stream Stream, first string) {
	t.Helper()
	last := first
	short := shrink(stream, func(s Stream) bool {
		diff, err := pair.Run(s)
		if diff == nil && err == nil {
			return false
		}
		last = verdict(diff, err)
		return true
	})
	t.Errorf("ORACLE_SEED=%d, RESP%d, batches of %d:\n%s\nthe stream, cut down (%d commands; in redis-cli, with @2 on a second connection):\n%s",
		seed, pair.Proto, short.Batch, last, len(short.Steps), short)
}

func verdict(diff *Difference, err error) string {
	if err != nil {
		return "no comparison: " + err.Error()
	}
	return diff.String()
}
