package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"crdb/testbed/cluster"
	"crdb/testbed/oracle"
)

// bigBatch is how many elements one command adds.
const bigBatch = 1000

// big is a key with very many elements.
type big struct {
	name string
	add  string                              // the command that adds elements
	elem func(args []string, i int) []string // appends the i-th
	read []string                            // the command that reads all
}

var bigs = []big{
	{"list", "RPUSH", func(a []string, i int) []string { return append(a, "element:"+strconv.Itoa(i)) }, []string{"LRANGE", "big", "0", "-1"}},
	{"set", "SADD", func(a []string, i int) []string { return append(a, "element:"+strconv.Itoa(i)) }, []string{"SMEMBERS", "big"}},
	{"sorted set", "ZADD", func(a []string, i int) []string {
		return append(a, strconv.Itoa(i*7919%1_000_003), "element:"+strconv.Itoa(i))
	},
		[]string{"ZRANGE", "big", "0", "-1", "WITHSCORES"}},
	{"hash", "HSET", func(a []string, i int) []string { return append(a, "field:"+strconv.Itoa(i), "value:"+strconv.Itoa(i)) }, []string{"HGETALL", "big"}},
}

// bigFigure is what one big key showed.
type bigFigure struct {
	grown
	read, del time.Duration
	worst     time.Duration // of another client's commands while DEL runs and a second after
}

// grown is what building something took.
type grown struct {
	build        time.Duration
	base, memory int64 // resident, before and once built
}

// grow builds something on a server that has just started, at rest before and after.
func grow(r running, conn *oracle.Conn, elements int, build func() error) (g grown, err error) {
	if err := warm(conn, elements); err != nil {
		return g, err
	}
	time.Sleep(restPeriod)
	before, err := cluster.ProcessUsage(r.pids()[0])
	if err != nil {
		return g, err
	}
	if g.build, err = timed(build); err != nil {
		return g, err
	}
	time.Sleep(restPeriod)
	after, err := cluster.ProcessUsage(r.pids()[0])
	g.base, g.memory = before.Resident, after.Resident
	return g, err
}

// onFresh starts a server, lets do use it, and stops it.
func onFresh(ctx context.Context, sys system, do func(r running, conn *oracle.Conn) error) (err error) {
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
	return do(r, conn)
}

// measureBig makes, reads and deletes one big key on a fresh server.
func measureBig(ctx context.Context, sys system, k big, elements int) (f bigFigure, err error) {
	fmt.Fprintf(os.Stderr, "%d elements in a %s: %s\n", elements, k.name, sys.name)
	err = onFresh(ctx, sys, func(r running, conn *oracle.Conn) (err error) {
		if f.grown, err = grow(r, conn, elements, func() error { return build(conn, k, elements) }); err != nil {
			return err
		}
		if f.read, err = timed(func() error { return ask(conn, k.read...) }); err != nil {
			return err
		}
		time.Sleep(time.Second) // until nothing is left of the reply
		stop, err := probe(r.addr())
		if err != nil {
			return err
		}
		f.del, err = timed(func() error { return ask(conn, "DEL", "big") })
		time.Sleep(time.Second)
		worst, failed := stop()
		f.worst = worst
		return cmp.Or(err, failed)
	})
	return f, err
}

// warm writes about as many bytes as there are in the elements into one string
// and deletes it: what a process takes once for its buffers is no part of a key.
func warm(conn *oracle.Conn, elements int) error {
	value := strings.Repeat("element:1234567", bigBatch)
	for range elements / bigBatch {
		if err := ask(conn, "SET", "warm", value); err != nil {
			return err
		}
	}
	return ask(conn, "DEL", "warm")
}

func build(conn *oracle.Conn, k big, elements int) error {
	for i := 0; i < elements; {
		args := []string{k.add, "big"}
		for end := min(i+bigBatch, elements); i < end; i++ {
			args = k.elem(args, i)
		}
		if err := ask(conn, args...); err != nil {
			return err
		}
	}
	return nil
}

// ask runs a command that must not fail.
func ask(conn *oracle.Conn, args ...string) error {
	rep, err := conn.Do(args...)
	if err == nil && rep.IsError() {
		err = fmt.Errorf("%s: %s", args[0], rep)
	}
	return err
}

func timed(do func() error) (time.Duration, error) {
	began := time.Now()
	err := do()
	return time.Since(began), err
}

// probe sends commands about another key, one after the other, until stopped;
// stop returns the longest that one has taken.
func probe(addr string) (stop func() (time.Duration, error), err error) {
	conn, err := oracle.Dial(addr)
	if err != nil {
		return nil, err
	}
	var end atomic.Bool
	var worst time.Duration
	var failed error
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; !end.Load() && failed == nil; i++ {
			began := time.Now()
			failed = ask(conn, "SET", "other:"+strconv.Itoa(i%1000), "x")
			worst = max(worst, time.Since(began))
		}
	}()
	return func() (time.Duration, error) {
		end.Store(true)
		<-done
		conn.Close()
		return worst, failed
	}, nil
}
