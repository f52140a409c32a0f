package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	probePause = 5 * time.Millisecond   // between two probes
	lookPause  = 100 * time.Microsecond // between two looks for a probe
)

// visibility measures how long after the start of a write in one region the
// value shows in the others, while the writing region is at half load.
func visibility(ctx context.Context, o options, s *results) error {
	sys := systems[2]
	r, err := sys.start(ctx)
	if err != nil {
		return err
	}
	c := r.(crdb)
	defer c.close()
	s.background = int(median(s.figures[sys.name][workload{"SET", 1}], func(f figure) float64 { return f.rate }) / 2)
	stop := background(ctx, c, s.background)
	defer stop()
	home := c.Client(c.Regions[0])
	for i := range o.probes {
		began := time.Now()
		if err := home.Set(ctx, "probe", i, 0).Err(); err != nil {
			return err
		}
		far := c.Regions[1+i%(len(c.Regions)-1)]
		if err := look(ctx, c.Client(far), fmt.Sprint(i)); err != nil {
			return fmt.Errorf("%s: %w", far, err)
		}
		s.visible[far] = append(s.visible[far], time.Since(began))
		time.Sleep(probePause)
	}
	for _, times := range s.visible {
		slices.Sort(times)
	}
	return nil
}

// look waits until the probe has a value.
func look(ctx context.Context, cl *redis.Client, want string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		got, err := cl.Get(ctx, "probe").Result()
		if err != nil && err != redis.Nil {
			return err
		}
		if got == want {
			return nil
		}
		time.Sleep(lookPause)
	}
}

// background writes at a steady rate over the usual number of connections
// until stopped.
func background(ctx context.Context, c crdb, rate int) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	value := strings.Repeat("x", valueSize)
	cl := redis.NewClient(&redis.Options{Addr: c.addr(), PoolSize: connections, MaxRetries: -1})
	for w := range connections {
		wg.Go(func() {
			every := time.NewTicker(max(time.Second*connections/time.Duration(max(rate, 1)), time.Microsecond))
			defer every.Stop()
			for n := w; ctx.Err() == nil; n += connections {
				cl.Set(ctx, fmt.Sprintf("key:%012d", n%keys), value, 0) // only load: failures show in the probes
				select {
				case <-every.C:
				case <-ctx.Done():
				}
			}
		})
	}
	return func() {
		cancel()
		wg.Wait()
		cl.Close()
	}
}
