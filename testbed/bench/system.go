package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"syscall"
	"time"

	"crdb/testbed/cluster"
	"crdb/testbed/oracle"
)

// system is something to measure.
type system struct {
	name  string
	start func(ctx context.Context) (running, error)
}

// running is a started system.
type running interface {
	addr() string
	pids() []int
	settle(ctx context.Context) error // until every process has everything
	compact(conn *oracle.Conn) error  // its log, if it does so when enough has gathered
	close() error
}

// systems in the order in which they take turns; the first is what the others
// are compared with.
var systems = []system{
	{"redis-server", startRedis},
	{"crdb, one node", func(ctx context.Context) (running, error) { return startCRDB(ctx, "us-east") }},
	{"crdb, three nodes", func(ctx context.Context) (running, error) {
		return startCRDB(ctx, "us-east", "eu-west", "ap-south")
	}},
}

type redisServer struct {
	cmd  *exec.Cmd
	dir  string
	port string
}

// startRedis starts redis-server with its log on. Rewriting the log is off,
// since its CPU time would be counted only in part.
func startRedis(ctx context.Context) (running, error) {
	dir, err := os.MkdirTemp("", "crdb-bench-")
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close()
	r := &redisServer{dir: dir, port: port}
	r.cmd = exec.Command("redis-server", "--bind", "127.0.0.1", "--port", port, "--dir", dir, "--save", "",
		"--appendonly", "yes", "--appendfsync", "everysec", "--auto-aof-rewrite-percentage", "0")
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := r.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%w (apt-get install redis-server redis-tools)", err)
	}
	err = cluster.Poll(ctx, 20*time.Millisecond, func() error {
		c, err := net.Dial("tcp", r.addr())
		if err == nil {
			c.Close()
		}
		return err
	})
	return r, err
}

func (r *redisServer) addr() string                 { return "127.0.0.1:" + r.port }
func (r *redisServer) pids() []int                  { return []int{r.cmd.Process.Pid} }
func (r *redisServer) settle(context.Context) error { return nil }
func (r *redisServer) compact(*oracle.Conn) error   { return nil } // see startRedis

func (r *redisServer) close() error {
	r.cmd.Process.Kill()
	r.cmd.Wait() // it was killed: the error says so
	return os.RemoveAll(r.dir)
}

type crdb struct{ *cluster.Cluster }

func startCRDB(ctx context.Context, regions ...string) (running, error) {
	c, err := cluster.Start(ctx, cluster.Options{Regions: regions, Direct: true})
	if err != nil {
		return nil, err
	}
	return crdb{c}, nil
}

func (c crdb) addr() string { return c.Node(c.Regions[0]).Addr() }

func (c crdb) pids() []int {
	var pids []int
	for _, r := range c.Regions {
		pids = append(pids, c.Node(r).PID())
	}
	return pids
}

func (c crdb) settle(ctx context.Context) error { return c.Sync(ctx) }
func (c crdb) close() error                     { return c.Close() }
func (c crdb) compact(conn *oracle.Conn) error  { return ask(conn, "SAVE") }

// cpu is the CPU time that a system's processes have used.
func cpu(r running) (time.Duration, error) {
	var sum time.Duration
	for _, pid := range r.pids() {
		u, err := cluster.ProcessUsage(pid)
		if err != nil {
			return 0, err
		}
		sum += u.CPU
	}
	return sum, nil
}
