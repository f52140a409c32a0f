package oracle

import (
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	talkSeconds = 20
	talkLength  = 120
)

// TestTalk plays what connections do to each other: subscriptions, messages,
// keyspace events, clients that wait and are woken.
func TestTalk(t *testing.T) {
	pair := servers(t)
	t.Run("found", func(t *testing.T) { replayFound(t, pair, "testdata/talk/*.txt", Pair.Talk) })
	t.Run("random", func(t *testing.T) { playTalks(t, pair) })
}

func playTalks(t *testing.T, pair Pair) {
	seed := number(t, "ORACLE_SEED", rand.Uint64N(1<<40))
	t.Logf("first seed: ORACLE_SEED=%d", seed)
	end := time.Now().Add(time.Duration(number(t, "ORACLE_SECONDS", talkSeconds)) * time.Second)
	most := int(number(t, "ORACLE_TALKS", 1<<30))
	n, commands, seen := 0, 0, map[string]bool{}
	for ; n < most && time.Now().Before(end); n++ {
		pair.Proto = 2 + int(seed%2)
		stream := newTalks(seed).talk(talkLength)
		commands += len(stream.Steps)
		if diff, err := pair.Talk(stream); diff != nil || err != nil {
			if name := culprit(diff); !seen[name] {
				seen[name] = true
				reportTalk(t, pair, seed, stream, diff, err)
			}
			if err != nil || len(seen) == maxReports {
				return
			}
		}
		seed++
	}
	t.Logf("%d talks with %d commands played", n, commands)
}

func reportTalk(t *testing.T, pair Pair, seed uint64, stream Stream, diff *Difference, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("ORACLE_SEED=%d, RESP%d: %s\nthe talk:\n%s", seed, pair.Proto, verdict(diff, err), stream)
		return
	}
	t.Logf("ORACLE_SEED=%d fails at %s", seed, diff)
	short := shrink(stream, func(s Stream) bool {
		d, e := pair.Talk(s)
		if e != nil || d == nil || culprit(d) != culprit(diff) {
			return false
		}
		diff = d
		return true
	})
	t.Errorf("ORACLE_SEED=%d, RESP%d:\n%s\nthe talk, cut down (%d commands):\n%s", seed, pair.Proto, diff, len(short.Steps), short)
}

// number reads a number from the environment.
func number(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(strings.TrimSpace(text), 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}
