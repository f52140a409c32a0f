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

// family is a command that redis-benchmark sends as it stands, __rand_int__
// being a number below keys. What fill says is done first and not measured.
type family struct {
	name string
	fill [][]string
	args []string
}

// compareAndDelete is how locks are released.
const compareAndDelete = "if redis.call('get',KEYS[1])==ARGV[1] then return redis.call('del',KEYS[1]) else return 0 end"

// families in the order in which they run: what pops finds what others pushed.
func families() []family {
	value := strings.Repeat("x", valueSize)
	hundred, mset := []string{"RPUSH", "hundred"}, []string{"MSET"}
	for range 100 {
		hundred = append(hundred, value)
	}
	for i := range 10 {
		mset = append(mset, fmt.Sprintf("mset:%d:__rand_int__", i), value)
	}
	many := func(args ...string) [][]string { // pushes more than is popped
		for range 1000 {
			args = append(args, value)
		}
		fill := make([][]string, 1+familyRequests/1000)
		for i := range fill {
			fill[i] = args
		}
		return fill
	}
	return []family{
		{name: "LPUSH", args: []string{"LPUSH", "list", value}},
		{name: "LPOP", fill: many("LPUSH", "list"), args: []string{"LPOP", "list"}},
		{name: "RPOP", fill: many("LPUSH", "list"), args: []string{"RPOP", "list"}},
		{name: "LRANGE_100", fill: [][]string{{"DEL", "hundred"}, hundred}, args: []string{"LRANGE", "hundred", "0", "99"}},
		{name: "SADD", args: []string{"SADD", "set", "member:__rand_int__"}},
		{name: "SPOP", args: []string{"SPOP", "set"}},
		{name: "HSET", args: []string{"HSET", "hash", "field:__rand_int__", value}},
		{name: "ZADD", args: []string{"ZADD", "zset", "__rand_int__", "member:__rand_int__"}},
		{name: "ZPOPMIN", args: []string{"ZPOPMIN", "zset"}},
		{name: "XADD", args: []string{"XADD", "stream", "*", "field", value}},
		{name: "MSET of 10", args: mset},
		{name: "SET for EVAL", args: []string{"SET", "lock:__rand_int__", "token"}},
		{name: "EVAL compare-and-delete", args: []string{"EVAL", compareAndDelete, "1", "lock:__rand_int__", "token"}},
	}
}

// familyRequests per figure: the whole table takes minutes, not hours.
const familyRequests = 50_000

// measureFamilies lets redis-server and one crdb node take turns.
func measureFamilies(ctx context.Context, rounds, requests int) (map[string]map[string][]figure, error) {
	all := map[string]map[string][]figure{}
	for round := range rounds {
		for _, sys := range systems[:2] {
			fmt.Fprintf(os.Stderr, "families, round %d of %d: %s\n", round+1, rounds, sys.name)
			if all[sys.name] == nil {
				all[sys.name] = map[string][]figure{}
			}
			if err := familiesOf(ctx, sys, requests, all[sys.name]); err != nil {
				return nil, fmt.Errorf("%s: %w", sys.name, err)
			}
		}
	}
	return all, nil
}

func familiesOf(ctx context.Context, sys system, requests int, out map[string][]figure) (err error) {
	r, err := sys.start(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if e := r.close(); err == nil {
			err = e
		}
	}()
	conn, err := oracle.Dial(r.addr())
	if err != nil {
		return err
	}
	defer conn.Close()
	for _, f := range families() {
		for _, args := range f.fill {
			if rep, err := conn.Do(args...); err != nil || rep.IsError() {
				return fmt.Errorf("%s: %v %w", args[0], rep, err)
			}
		}
		got, err := benchmarkCommand(ctx, r, f.args, requests)
		if err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
		out[f.name] = append(out[f.name], got)
	}
	return nil
}

// benchmarkCommand is benchmark for any command, unpipelined.
func benchmarkCommand(ctx context.Context, r running, args []string, n int) (figure, error) {
	host, port, err := net.SplitHostPort(r.addr())
	if err != nil {
		return figure{}, err
	}
	before, err := cpu(r)
	if err != nil {
		return figure{}, err
	}
	out, err := exec.CommandContext(ctx, "redis-benchmark", append([]string{"-h", host, "-p", port, "--csv",
		"-c", strconv.Itoa(connections), "-r", strconv.Itoa(keys), "-n", strconv.Itoa(n)}, args...)...).Output()
	if err != nil {
		return figure{}, fmt.Errorf("redis-benchmark: %w", err)
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

func renderFamilies(b *strings.Builder, all map[string]map[string][]figure) {
	b.WriteString("| command | redis-server: requests/s | p99 ms | CPU us/request | crdb: requests/s | p99 ms | CPU us/request | CPU ratio |\n")
	b.WriteString("|---|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, f := range families() {
		base, ours := middle(all[systems[0].name][f.name]), middle(all[systems[1].name][f.name])
		fmt.Fprintf(b, "| %s | %.0f | %.2f | %.2f | %.0f | %.2f | %.2f | %.2f |\n", f.name, base.rate, base.p99, micros(base.cpu),
			ours.rate, ours.p99, micros(ours.cpu), ratio(micros(ours.cpu), micros(base.cpu)))
	}
}
