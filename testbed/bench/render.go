package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"
)

const (
	beginMark = "<!-- bench:begin: written by make bench, do not edit -->"
	endMark   = "<!-- bench:end -->"
)

// goals for CPU per request and p99 against redis-server.
func cpuGoal(sys string, w workload) (float64, bool) {
	three := sys == systems[2].name
	switch {
	case three && w == workload{"SET", 1}:
		return 1.7, true
	case three && w == workload{"SET", 16}:
		return 2.5, true
	case three:
		return 0, false
	case w.pipeline == 1:
		return 1.2, true
	}
	return 0.9, true
}

const (
	p99Goal     = 1.5
	visibleGoal = 10 * time.Millisecond
	memoryGoal  = 1.5
)

// median of one property of the figures of all rounds.
func median(figures []figure, of func(figure) float64) float64 {
	if len(figures) == 0 {
		return 0
	}
	values := make([]float64, len(figures))
	for i, f := range figures {
		values[i] = of(f)
	}
	slices.Sort(values)
	mid := len(values) / 2
	if len(values)%2 == 0 {
		return (values[mid-1] + values[mid]) / 2
	}
	return values[mid]
}

// middle is the figure made of the medians.
func middle(figures []figure) figure {
	return figure{
		rate: median(figures, func(f figure) float64 { return f.rate }),
		p50:  median(figures, func(f figure) float64 { return f.p50 }),
		p99:  median(figures, func(f figure) float64 { return f.p99 }),
		cpu:  time.Duration(median(figures, func(f figure) float64 { return float64(f.cpu) })),
	}
}

// render writes all results as Markdown.
func render(o options, s *results) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Made by `make bench` (`go run ./testbed/bench -rounds %d -requests %d`) on %s: %s. ",
		o.rounds, o.requests, time.Now().UTC().Format(time.DateOnly), machine())
	fmt.Fprintf(&b, "Medians of %d rounds, systems taking turns; %d connections, %d-byte values, %d keys.\n\n",
		o.rounds, connections, valueSize, keys)
	renderFigures(&b, s)
	renderVisibility(&b, s)
	renderMemory(&b, o, s)
	return b.String()
}

func renderFigures(b *strings.Builder, s *results) {
	b.WriteString("| workload | system | requests/s | p50 ms | p99 ms | p99 ratio | CPU us/request | CPU ratio | goal |\n")
	b.WriteString("|---|---|--:|--:|--:|--:|--:|--:|---|\n")
	for _, w := range workloads {
		base := middle(s.figures[systems[0].name][w])
		for i, sys := range systems {
			f := middle(s.figures[sys.name][w])
			fmt.Fprintf(b, "| %s | %s | %.0f | %.2f | %.2f | ", w, sys.name, f.rate, f.p50, f.p99)
			if i == 0 {
				fmt.Fprintf(b, "1 | %.2f | 1 | |\n", micros(f.cpu))
				continue
			}
			cpuRatio, p99Ratio := ratio(micros(f.cpu), micros(base.cpu)), ratio(f.p99, base.p99)
			fmt.Fprintf(b, "%.2f | %.2f | %.2f | %s |\n", p99Ratio, micros(f.cpu), cpuRatio, goals(sys.name, w, cpuRatio, p99Ratio))
		}
	}
}

func goals(sys string, w workload, cpuRatio, p99Ratio float64) string {
	text := verdict("p99", p99Ratio, p99Goal)
	if goal, ok := cpuGoal(sys, w); ok {
		text = verdict("CPU", cpuRatio, goal) + ", " + text
	}
	return text
}

func verdict(what string, got, goal float64) string {
	if got <= goal {
		return fmt.Sprintf("%s <= %.1f met", what, goal)
	}
	return fmt.Sprintf("**%s <= %.1f missed**", what, goal)
}

func renderVisibility(b *strings.Builder, s *results) {
	fmt.Fprintf(b, "\nA write in us-east shows elsewhere, with %d SET a second going on in us-east (half load):\n\n", s.background)
	b.WriteString("| region | p50 | p99 | goal |\n|---|--:|--:|---|\n")
	for _, region := range []string{"eu-west", "ap-south"} {
		times := s.visible[region]
		if len(times) == 0 {
			continue
		}
		p50, p99 := times[len(times)/2], times[len(times)*99/100]
		fmt.Fprintf(b, "| %s | %.2f ms | %.2f ms | %s |\n", region, micros(p50)/1000, micros(p99)/1000,
			verdict("p99 in ms", micros(p99)/1000, micros(visibleGoal)/1000))
	}
}

func renderMemory(b *strings.Builder, o options, s *results) {
	base, ours := s.memory[systems[0].name], s.memory[systems[1].name]
	r := ratio(float64(ours), float64(base))
	fmt.Fprintf(b, "\nResident memory of %d strings of %d bytes: redis-server %d MiB, crdb %d MiB, ratio %.2f (%s).\n",
		o.strings, valueSize, base>>20, ours>>20, r, verdict("ratio", r, memoryGoal))
}

func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// machine describes where this ran.
func machine() string {
	model := "unknown processor"
	if data, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if _, rest, ok := strings.Cut(string(data), "model name"); ok {
			line, _, _ := strings.Cut(rest, "\n")
			model = strings.TrimSpace(strings.TrimLeft(line, "\t :"))
		}
	}
	version, err := exec.Command("redis-server", "--version").Output()
	redis := "redis-server"
	if _, rest, ok := strings.Cut(string(version), "v="); err == nil && ok {
		redis += " " + strings.Fields(rest)[0]
	}
	return fmt.Sprintf("%d cores of %s, %s, %s/%s, %s%s",
		runtime.NumCPU(), model, redis, runtime.GOOS, runtime.GOARCH, runtime.Version(), busy())
}

// busy says how much else the machine was doing: figures of a busy machine
// are worse, tail latencies above all.
func busy() string {
	data, err := os.ReadFile("/proc/loadavg")
	fields := strings.Fields(string(data))
	if err != nil || len(fields) < 3 {
		return ""
	}
	return ", load average at the end " + fields[2] + " over 15 minutes"
}

// insert puts the text between the marks of a document, which is made when it
// is not there.
func insert(path, text string) error {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		data, err = []byte("# Performance\n\n"+beginMark+"\n"+endMark+"\n"), nil
	}
	if err != nil {
		return err
	}
	head, rest, ok := strings.Cut(string(data), beginMark)
	_, tail, ok2 := strings.Cut(rest, endMark)
	if !ok || !ok2 {
		return fmt.Errorf("%s has no marks %q and %q", path, beginMark, endMark)
	}
	return os.WriteFile(path, []byte(head+beginMark+"\n\n"+text+"\n"+endMark+tail), 0o644)
}
