package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

const (
	connections = 50
	valueSize   = 64
	keys        = 100_000
)

// workload is one way to use redis-benchmark.
type workload struct {
	command  string
	pipeline int
}

// workloads in the order in which they run; SET first, so that GET finds keys.
var workloads = []workload{{"SET", 1}, {"GET", 1}, {"INCR", 1}, {"SET", 16}, {"GET", 16}, {"INCR", 16}}

// figure is what one run of a workload showed.
type figure struct {
	rate     float64       // requests a second
	p50, p99 float64       // milliseconds
	cpu      time.Duration // per request, all processes
}

// results holds all figures of all rounds.
type results struct {
	figures    map[string]map[workload][]figure // by system
	visible    map[string][]time.Duration       // by region
	background int                              // requests a second meanwhile
	memory     map[string]int64                 // by system
}

func newResults() *results {
	return &results{
		figures: map[string]map[workload][]figure{},
		visible: map[string][]time.Duration{},
		memory:  map[string]int64{},
	}
}

// measure starts a system, runs every workload once and ends the system.
func measure(ctx context.Context, o options, sys system, s *results) (err error) {
	r, err := sys.start(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if e := r.close(); err == nil {
			err = e
		}
	}()
	if s.figures[sys.name] == nil {
		s.figures[sys.name] = map[workload][]figure{}
	}
	if _, err := benchmark(ctx, r, workload{"SET", 16}, o.requests); err != nil { // warm up
		return err
	}
	for _, w := range workloads {
		n := o.requests
		if w.pipeline > 1 {
			n *= 5
		}
		f, err := benchmark(ctx, r, w, n)
		if err != nil {
			return fmt.Errorf("%s: %w", w, err)
		}
		s.figures[sys.name][w] = append(s.figures[sys.name][w], f)
	}
	return nil
}

func (w workload) String() string {
	if w.pipeline == 1 {
		return w.command
	}
	return fmt.Sprintf("%s, pipeline %d", w.command, w.pipeline)
}

// benchmark runs redis-benchmark once and counts the CPU time until every
// process has done its part of the work.
func benchmark(ctx context.Context, r running, w workload, n int) (figure, error) {
	if err := r.settle(ctx); err != nil {
		return figure{}, err
	}
	host, port, err := net.SplitHostPort(r.addr())
	if err != nil {
		return figure{}, err
	}
	before, err := cpu(r)
	if err != nil {
		return figure{}, err
	}
	cmd := exec.CommandContext(ctx, "redis-benchmark", "-h", host, "-p", port, "--csv",
		"-t", strings.ToLower(w.command), "-c", strconv.Itoa(connections), "-d", strconv.Itoa(valueSize),
		"-r", strconv.Itoa(keys), "-n", strconv.Itoa(n), "-P", strconv.Itoa(w.pipeline))
	out, err := cmd.Output()
	if err != nil {
		return figure{}, fmt.Errorf("redis-benchmark: %w (apt-get install redis-tools)", err)
	}
	f, err := parseCSV(string(out))
	if err != nil {
		return figure{}, err
	}
	if err := r.settle(ctx); err != nil {
		return figure{}, err
	}
	after, err := cpu(r)
	f.cpu = (after - before) / time.Duration(n)
	return f, err
}

// parseCSV reads what redis-benchmark --csv prints: a row of names and a row
// of figures, among warnings perhaps.
func parseCSV(text string) (figure, error) {
	at := strings.Index(text, `"test"`)
	if at < 0 {
		return figure{}, fmt.Errorf("redis-benchmark printed no table: %q", text)
	}
	rows, err := csv.NewReader(strings.NewReader(text[at:])).ReadAll()
	if err != nil || len(rows) != 2 {
		return figure{}, fmt.Errorf("redis-benchmark printed %d rows: %w", len(rows), err)
	}
	var f figure
	for i, name := range rows[0] {
		v, err := strconv.ParseFloat(rows[1][i], 64)
		switch name {
		case "rps":
			f.rate = v
		case "p50_latency_ms":
			f.p50 = v
		case "p99_latency_ms":
			f.p99 = v
		default:
			continue
		}
		if err != nil {
			return figure{}, fmt.Errorf("%s: %w", name, err)
		}
	}
	return f, nil
}
