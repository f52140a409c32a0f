package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestTestClock(t *testing.T) {
	c := &testClock{file: filepath.Join(t.TempDir(), "clock")}
	ahead := func() time.Duration { return time.Until(c.now()).Round(time.Minute) }
	if got := ahead(); got != 0 {
		t.Errorf("without a file: %v ahead", got)
	}
	for _, row := range []struct {
		text string
		want time.Duration
	}{{"3600000\n", time.Hour}, {"-7200000", -2 * time.Hour}, {"soon", -2 * time.Hour}, {"0", 0}} {
		if err := os.WriteFile(c.file, []byte(row.text), 0o600); err != nil {
			t.Fatal(err)
		}
		c.next.Store(0)
		if got := ahead(); got != row.want {
			t.Errorf("%q: %v ahead, want %v", row.text, got, row.want)
		}
	}
}
