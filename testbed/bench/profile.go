package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"crdb/testbed/cluster"
)

// profilePart is how long one profile takes: a workload's end cuts the last one off.
const profilePart = 4 * time.Second

// profile runs the basic workloads and the families against one of two regions
// and writes where both spend their time, for the compiler: `go build` reads
// cmd/crdb/default.pgo. Nothing of redis-server is measured.
func profile(ctx context.Context, o options) error {
	dir, err := os.MkdirTemp("", "crdb-profile-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	sys := system{"crdb, profiled", func(ctx context.Context) (running, error) { return startProfiled(ctx, dir) }}
	if err := measure(ctx, o, sys, newResults()); err != nil {
		return err
	}
	fams, err := chosen(o.only)
	if err != nil {
		return err
	}
	if err := familiesOf(ctx, sys, fams, familyRequests, map[use][]figure{}); err != nil {
		return err
	}
	parts, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		return err
	}
	out, err := exec.CommandContext(ctx, "go", append([]string{"tool", "pprof", "-proto", "-output", o.profile}, parts...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("go tool pprof: %w\n%s", err, out)
	}
	return nil
}

// profiled is a cluster whose nodes write their profiles into a directory until
// it is closed.
type profiled struct {
	crdb
	stop context.CancelFunc
	wait sync.WaitGroup // one goroutine for each node
}

func startProfiled(ctx context.Context, dir string) (running, error) {
	c, err := cluster.Start(ctx, cluster.Options{Regions: []string{"us-east", "eu-west"}, Direct: true})
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	p := &profiled{crdb: crdb{c}, stop: stop}
	for _, region := range c.Regions {
		p.wait.Go(func() { collect(ctx, c.Node(region), dir) })
	}
	return p, nil
}

func (p *profiled) close() error {
	p.stop()
	p.wait.Wait()
	return p.crdb.close()
}

// collect writes one profile after the other until ctx ends.
func collect(ctx context.Context, n *cluster.Node, dir string) {
	path := fmt.Sprintf("/debug/pprof/profile?seconds=%.0f", profilePart.Seconds())
	for {
		data, err := n.Get(ctx, path)
		if err == nil {
			err = writeNew(dir, data)
		}
		if err != nil {
			if ctx.Err() == nil {
				fmt.Fprintln(os.Stderr, "profile:", err)
			}
			return
		}
	}
}

func writeNew(dir, data string) error {
	f, err := os.CreateTemp(dir, "part-")
	if err != nil {
		return err
	}
	if _, err := f.WriteString(data); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
