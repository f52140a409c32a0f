package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	"crdb/testbed/cluster"
)

const (
	fillBatch  = 1000
	restPeriod = 5 * time.Second // for buffers and garbage to go
)

// memory fills a system with strings and notes its resident memory.
func memory(ctx context.Context, o options, sys system, s *results) (err error) {
	r, err := sys.start(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if e := r.close(); err == nil {
			err = e
		}
	}()
	if err := fill(r.addr(), o.strings); err != nil {
		return err
	}
	time.Sleep(restPeriod)
	u, err := cluster.ProcessUsage(r.pids()[0])
	s.memory[sys.name] = u.Resident
	return err
}

// fill writes n strings under different keys, in batches.
func fill(addr string, n int) error {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	in, out := bufio.NewReader(conn), bufio.NewWriter(conn)
	value := strings.Repeat("x", valueSize)
	for i := 0; i < n; {
		batch := 0
		for ; batch < fillBatch && i < n; batch, i = batch+1, i+1 {
			fmt.Fprintf(out, "*3\r\n$3\r\nSET\r\n$16\r\nkey:%012d\r\n$%d\r\n%s\r\n", i, valueSize, value)
		}
		if err := out.Flush(); err != nil {
			return err
		}
		for range batch {
			if line, err := in.ReadString('\n'); err != nil || line != "+OK\r\n" {
				return fmt.Errorf("SET answers %q, %w", line, err)
			}
		}
	}
	return nil
}
