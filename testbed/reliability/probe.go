package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A probe writes a key once a millisecond and takes the time.
//
// What is asked is how long a region takes for a command, and that is not what a
// client shows that has to wait for a processor itself: its users' machines are
// not those of the regions. So the probe has a thread and a blocking socket of
// its own, and runs before everything else where the system lets it (as root).
// It takes some microseconds of each millisecond.
type prober struct {
	fd    int
	reply [64]byte
}

// probeEvery is the time between two commands of a probe.
const probeEvery = time.Millisecond

var probeCommand = []byte("*3\r\n$3\r\nSET\r\n$5\r\nprobe\r\n$1\r\nx\r\n")

// probe writes a key at an address until stop, and returns the sorted times it
// took.
func probe[T any](ctx context.Context, addr string, stop <-chan T) (times []time.Duration, err error) {
	var wg sync.WaitGroup
	wg.Go(func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := priority(unix.SCHED_FIFO, 1); err != nil {
			fmt.Fprintln(os.Stderr, "reliability: the client has no priority, its own waits are counted too:", err)
		} else {
			// The thread goes on: with the one that started it a region ends, too.
			defer func() { _ = priority(unix.SCHED_NORMAL, 0) }()
		}
		times, err = probeUntil(ctx, addr, stop)
	})
	wg.Wait()
	return times, err
}

// priority sets the policy and priority of the calling thread.
func priority(policy, level uint32) error {
	return unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: policy, Priority: level}, 0)
}

func probeUntil[T any](ctx context.Context, addr string, stop <-chan T) (times []time.Duration, err error) {
	p, err := dial(addr)
	if err != nil {
		return nil, err
	}
	defer unix.Close(p.fd)
	for {
		select {
		case <-stop:
			slices.Sort(times)
			return times, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		default:
		}
		began := time.Now()
		if err := p.set(); err != nil {
			return nil, fmt.Errorf("probe of %s: %w", addr, err)
		}
		took := time.Since(began)
		times = append(times, took)
		rest := unix.NsecToTimespec(int64(max(0, probeEvery-took)))
		_ = unix.Nanosleep(&rest, nil)
	}
}

func dial(addr string) (*prober, error) {
	to, err := netip.ParseAddrPort(addr)
	if err != nil {
		return nil, err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return &prober{fd: fd}, nil
}

// set sends the command and waits for its reply.
func (p *prober) set() error {
	if _, err := unix.Write(p.fd, probeCommand); err != nil {
		return err
	}
	n, err := unix.Read(p.fd, p.reply[:])
	if err != nil {
		return err
	}
	if got := string(p.reply[:n]); got != "+OK\r\n" {
		return fmt.Errorf("answered %q", got)
	}
	return nil
}
