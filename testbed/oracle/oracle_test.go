package oracle

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"
)

const (
	defaultSeconds = 20
	streamLength   = 200
	maxReports     = 10 // failing commands that are reported in one run
)

// mayLack ends a test for which there is no redis-server: it is left out, and
// says so, but with CRDB_REQUIRE_ALL it fails, as with any other error.
func mayLack(t *testing.T, err error) {
	t.Helper()
	if errors.Is(err, ErrNoRedis) && os.Getenv("CRDB_REQUIRE_ALL") == "" {
		fmt.Fprintln(os.Stderr, "\n*** THE ORACLE IS LEFT OUT: "+err.Error()+" ***")
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// servers starts what is compared.
func servers(t *testing.T) Pair {
	t.Helper()
	redis, stop, err := StartRedis(t.TempDir())
	mayLack(t, err)
	t.Cleanup(stop)
	crdb := os.Getenv("ORACLE_ADDR")
	if crdb == "" {
		crdb = startNode(t)
	}
	if err := waitForServer(crdb); err != nil { // so that each has seen PING: LATENCY HISTOGRAM
		t.Fatal(err)
	}
	return Pair{Redis: redis, Crdb: crdb}
}

func TestOracle(t *testing.T) {
	pair := servers(t)
	t.Run("found", func(t *testing.T) { replayFound(t, pair, "testdata/*.txt", Pair.Run) })
	t.Run("random", func(t *testing.T) { playRandom(t, pair) })
}

// replayFound plays the streams of files that once failed.
func replayFound(t *testing.T, pair Pair, pattern string, play func(Pair, Stream) (*Difference, error)) {
	files, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		stream := readStream(t, file)
		for _, pair.Proto = range []int{2, 3} {
			if diff, err := play(pair, stream); diff != nil || err != nil {
				t.Errorf("%s, RESP%d: %s", file, pair.Proto, verdict(diff, err))
			}
		}
	}
}

// readStream returns the stream of a file.
func readStream(t *testing.T, file string) Stream {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := parseStream(string(text))
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return stream
}

// connect opens a connection to each of the servers, for as long as the test runs.
func connect(t *testing.T, pair Pair) *link {
	t.Helper()
	l, err := pair.link()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.close)
	return l
}

// playRandom plays random streams for a while. Each has its own seed: the
// first one's, counted on. Every fourth is one of scripts and functions, every
// sixteenth asks about commands, keys and the server.
func playRandom(t *testing.T, pair Pair) {
	seed := number(t, "ORACLE_SEED", rand.Uint64N(1<<40))
	t.Logf("first seed: ORACLE_SEED=%d", seed)
	end := time.Now().Add(time.Duration(number(t, "ORACLE_SECONDS", defaultSeconds)) * time.Second)
	n, seen := 0, make(map[string]bool)
	for ; time.Now().Before(end); n++ {
		pair.Proto = 2 + int(seed%2)
		g := newGenerator(seed)
		if seed/2%4 == 3 {
			g.weights = []familyWeight{{"script", 1}}
		}
		if seed%16 == 5 {
			g.weights = []familyWeight{{"about", 10}, {"key", 2}, {"zset", 1}, {"geo", 1}, {"stream", 1}, {"bit", 1}, {"list", 1}}
		}
		stream := g.stream(streamLength)
		if diff, err := pair.Run(stream); diff != nil || err != nil {
			if name := culprit(diff); !seen[name] {
				seen[name] = true
				report(t, pair, seed, stream, diff, err)
			}
			if err != nil || len(seen) == maxReports {
				return
			}
		}
		seed++
	}
	t.Logf("%d streams of about %d commands played", n, streamLength)
}

// report cuts the failing stream down and prints it. What is left must fail at
// the same command. A server that does not answer any more cannot be asked
// again: then the whole stream is printed.
func report(t *testing.T, pair Pair, seed uint64, stream Stream, diff *Difference, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("ORACLE_SEED=%d, RESP%d: %s\nthe stream:\n%s", seed, pair.Proto, verdict(diff, err), stream)
		return
	}
	short := shrink(stream, func(s Stream) bool {
		d, e := pair.Run(s)
		if e != nil || d == nil || culprit(d) != culprit(diff) {
			return false
		}
		diff = d
		return true
	})
	t.Errorf("ORACLE_SEED=%d, RESP%d, batches of %d:\n%s\nthe stream, cut down (%d commands; in redis-cli, with @2 on a second connection):\n%s",
		seed, pair.Proto, short.Batch, diff, len(short.Steps), short)
}

// culprit is the command at which a stream failed; none if that is not known.
func culprit(diff *Difference) string {
	if diff == nil {
		return ""
	}
	return commandName(diff.Args)
}

func verdict(diff *Difference, err error) string {
	if err != nil {
		return "no comparison: " + err.Error()
	}
	return diff.String()
}
