package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"crdb/testbed/oracle"
)

const (
	familyRequests = 50_000 // per figure: the whole table takes minutes, not hours
	familyPipeline = 16
	quietPeriod    = 100 * time.Millisecond
	quietUse       = 10 * time.Millisecond // what a system may use of a period and rest: a tick of the kernel's clock
	quietLimit     = 10 * time.Second
)

// use is a way to send a family's command: how many requests at once.
type use struct {
	family   string
	pipeline int
}

// measureFamilies lets redis-server and one crdb node take turns.
func measureFamilies(ctx context.Context, fams []family, rounds, requests int) (map[string]map[use][]figure, error) {
	all := map[string]map[use][]figure{}
	for round := range rounds {
		for _, sys := range systems[:2] {
			fmt.Fprintf(os.Stderr, "families, round %d of %d: %s\n", round+1, rounds, sys.name)
			if all[sys.name] == nil {
				all[sys.name] = map[use][]figure{}
			}
			if err := familiesOf(ctx, sys, fams, requests, all[sys.name]); err != nil {
				return nil, fmt.Errorf("%s: %w", sys.name, err)
			}
		}
	}
	return all, nil
}

func familiesOf(ctx context.Context, sys system, fams []family, requests int, out map[use][]figure) error {
	return onFresh(ctx, sys, func(r running, conn *oracle.Conn) error {
		if _, err := benchmark(ctx, r, workload{"SET", 16}, requests); err != nil { // warm up
			return err
		}
		for _, f := range fams {
			for _, u := range []use{{f.name, 1}, {f.name, familyPipeline}} {
				got, err := familyOnce(ctx, r, conn, f, u.pipeline, requests)
				if err != nil {
					return fmt.Errorf("%s: %w", f.name, err)
				}
				out[u] = append(out[u], got)
			}
		}
		return nil
	})
}

// familyOnce measures a command with as many requests as fit it, from a state at rest.
func familyOnce(ctx context.Context, r running, conn *oracle.Conn, f family, pipeline, requests int) (figure, error) {
	if pipeline > 1 {
		requests *= 5
	}
	if f.heavy {
		requests /= 5
	}
	// Writing the state anew falls into no figure, as for redis-server: which
	// one a checkpoint falls into would depend on the order.
	if err := r.compact(conn); err != nil {
		return figure{}, err
	}
	return measureFamily(ctx, r, conn, f, requests, pipeline)
}

// measureFamily fills what the command needs and sends it n times.
func measureFamily(ctx context.Context, r running, conn *oracle.Conn, f family, n, pipeline int) (figure, error) {
	if f.fill != nil {
		for _, args := range f.fill(n) {
			if rep, err := conn.Do(args...); err != nil || rep.IsError() {
				return figure{}, fmt.Errorf("%s: %v %w", args[0], rep, err)
			}
		}
	}
	return benchmarkCommand(ctx, r, f.args, n, pipeline)
}

// benchmarkCommand is benchmark for any command. Neither what was filled before
// may be counted nor what is put off be forgotten, so the system rests before
// and after.
func benchmarkCommand(ctx context.Context, r running, args []string, n, pipeline int) (figure, error) {
	host, port, err := net.SplitHostPort(r.addr())
	if err != nil {
		return figure{}, err
	}
	before, err := rested(ctx, r)
	if err != nil {
		return figure{}, err
	}
	out, err := exec.CommandContext(ctx, "redis-benchmark", append([]string{"-h", host, "-p", port, "--csv",
		"-c", strconv.Itoa(connections), "-r", strconv.Itoa(keys), "-n", strconv.Itoa(n), "-P", strconv.Itoa(pipeline)}, args...)...).Output()
	if err != nil {
		return figure{}, fmt.Errorf("redis-benchmark: %w", err)
	}
	f, err := parseCSV(string(out))
	if err != nil {
		return figure{}, err
	}
	after, err := rested(ctx, r)
	f.cpu = (after - before) / time.Duration(n)
	return f, err
}

// rested waits until a system has everything and does nothing, and returns the
// CPU time that it has used.
func rested(ctx context.Context, r running) (time.Duration, error) {
	if err := r.settle(ctx); err != nil {
		return 0, err
	}
	used, err := cpu(r)
	for end := time.Now().Add(quietLimit); err == nil && time.Now().Before(end); {
		select {
		case <-time.After(quietPeriod):
		case <-ctx.Done():
			return 0, ctx.Err()
		}
		before := used
		if used, err = cpu(r); used-before <= quietUse {
			break
		}
	}
	return used, err
}

// renderFamilies writes the figures as they are, and the ratio of CPU, for both
// ways to send.
func renderFamilies(b *strings.Builder, fams []family, all map[string]map[use][]figure) {
	b.WriteString("| command | redis-server: requests/s | p99 ms | CPU us | crdb: requests/s | p99 ms | CPU us | CPU ratio | pipelined: redis-server CPU us | crdb CPU us | CPU ratio |\n")
	b.WriteString("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, f := range fams {
		base, ours := middle(all[systems[0].name][use{f.name, 1}]), middle(all[systems[1].name][use{f.name, 1}])
		base16, ours16 := middle(all[systems[0].name][use{f.name, familyPipeline}]), middle(all[systems[1].name][use{f.name, familyPipeline}])
		fmt.Fprintf(b, "| %s | %.0f | %.2f | %.2f | %.0f | %.2f | %.2f | %.2f | %.2f | %.2f | %.2f |\n", f.name,
			base.rate, base.p99, micros(base.cpu), ours.rate, ours.p99, micros(ours.cpu), ratio(micros(ours.cpu), micros(base.cpu)),
			micros(base16.cpu), micros(ours16.cpu), ratio(micros(ours16.cpu), micros(base16.cpu)))
	}
}
