package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestParseCSV(t *testing.T) {
	const printed = "WARNING: Could not fetch server CONFIG\n" +
		`"test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_latency_ms","p99_latency_ms","max_latency_ms"` + "\n" +
		`"SET","76923.08","0.443","0.160","0.439","0.679","0.831","1.127"` + "\n"
	f, err := parseCSV(printed)
	if err != nil || f.rate != 76923.08 || f.p50 != 0.439 || f.p99 != 0.831 {
		t.Errorf("got %+v, %v", f, err)
	}
	for _, bad := range []string{"", "nothing", `"test","rps"`, strings.ReplaceAll(printed, "0.831", "soon")} {
		if _, err := parseCSV(bad); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

func TestMedian(t *testing.T) {
	rate := func(f figure) float64 { return f.rate }
	if m := median([]figure{{rate: 9}, {rate: 1}, {rate: 5}}, rate); m != 5 {
		t.Errorf("of three: %v", m)
	}
	if m := median([]figure{{rate: 9}, {rate: 1}}, rate); m != 5 {
		t.Errorf("of two: %v", m)
	}
}

func TestInsertReplacesOnlyWhatIsBetweenTheMarks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "performance.md")
	for _, text := range []string{"first", "second"} {
		if err := insert(path, text); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(data); strings.Contains(got, "first") || !strings.Contains(got, "\n\nsecond\n") || !strings.HasPrefix(got, "# Performance") {
		t.Errorf("got %q", got)
	}
	if err := os.WriteFile(path, []byte("no marks"), 0o644); err != nil {
		t.Fatal(err)
	}
	if insert(path, "x") == nil {
		t.Error("a document without marks was overwritten")
	}
}

func TestRenderNamesWhatIsMissed(t *testing.T) {
	s := newResults()
	for i, sys := range systems {
		s.figures[sys.name] = map[workload][]figure{}
		for _, w := range workloads {
			s.figures[sys.name][w] = []figure{{rate: 1, p50: 1, p99: 1, cpu: time.Duration(1+i) * time.Microsecond}}
		}
	}
	text := render(options{}, s)
	if !strings.Contains(text, "**CPU <= 1.2 missed**") || !strings.Contains(text, "p99 <= 1.5 met") {
		t.Error(text)
	}
}
