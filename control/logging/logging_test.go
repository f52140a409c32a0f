package logging

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestRepeatedLinesAreHeldBack(t *testing.T) {
	var b bytes.Buffer
	now := time.Unix(1000, 0)
	l := New(&b, "text", slog.LevelInfo, func() time.Time { return now })
	for range 20 {
		l.With("region", "eu-west").Warn("cannot reach peer")
		l.Warn("cannot reach peer", "region", "ap-south")
		l.Debug("not wanted")
	}
	if n := strings.Count(b.String(), "\n"); n != 2*burst {
		t.Fatalf("%d lines, want %d:\n%s", n, 2*burst, b.String())
	}
	now = now.Add(window)
	b.Reset()
	l.With("region", "eu-west").Warn("cannot reach peer")
	if s := b.String(); !strings.Contains(s, "held_back=15") || !strings.Contains(s, "level=warning") {
		t.Errorf("got %s", s)
	}
}

func TestTableIsBounded(t *testing.T) {
	l := New(&bytes.Buffer{}, "json", slog.LevelInfo, func() time.Time { return time.Unix(1, 0) })
	for i := range 3 * maxKeys {
		l.Info(fmt.Sprint(i))
	}
	if n := len(l.Handler().(*Limiter).state.mu.seen); n > maxKeys {
		t.Errorf("%d entries", n)
	}
}

func TestLevel(t *testing.T) {
	for _, n := range []string{"debug", "verbose", "notice", "warning"} {
		if _, err := Level(n); err != nil {
			t.Error(err)
		}
	}
	if _, err := Level("loud"); err == nil {
		t.Error("an unknown level was accepted")
	}
}
