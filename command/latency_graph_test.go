package command

import (
	"strings"
	"testing"
)

// TestGraph: what redis-server 7.0 drew of these samples.
func TestGraph(t *testing.T) {
	samples := []latencySample{{604, 50}, {606, 300}, {607, 10}, {608, 120}, {609, 200}, {611, 33}}
	want := "command - high 300 ms, low 10 ms (all time high 300 ms)\n" +
		strings.Repeat("-", 80) + "\n" +
		" #    \n" +
		" |  o \n" +
		" | o| \n" +
		"o|_||_\n" +
		"      \n" +
		"865431\n" +
		"ssssss\n"
	if got := drawGraph("command", samples, 300, 612); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestGraphWraps: the 81st sample begins another band; equal samples are flat.
func TestGraphWraps(t *testing.T) {
	samples := make([]latencySample, 81)
	for i := range samples {
		samples[i] = latencySample{0, 7}
	}
	lines := strings.Split(drawGraph("e", samples, 9, 2*24*3600), "\n")
	row := func(s string) string { return strings.Repeat(s, 80) }
	want := []string{"e - high 7 ms, low 7 ms (all time high 9 ms)", row("-"),
		row(" "), row(" "), row(" "), row("_"), row(" "), row("2"), row("d"), "",
		" ", " ", " ", "_", " ", "2", "d", ""}
	if strings.Join(lines, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
	for age, want := range map[int64]string{0: "0s", 59: "59s", 60: "1m", 3599: "59m", 3600: "1h", 86399: "23h", 86400: "1d"} {
		if got := ageWord(age); got != want {
			t.Errorf("%d seconds: %s, want %s", age, got, want)
		}
	}
}
