package cluster

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// markerDB is the logical database that Sync writes its markers to, out
	// of the way of tests.
	markerDB = 15
	// pollPause is the pause between two looks at something awaited.
	pollPause = 5 * time.Millisecond
	// markerEvery is how often Sync writes its markers anew. A later marker
	// names what its region has seen, so it pulls what a cut link keeps back.
	markerEvery = 150 * time.Millisecond
)

var marker atomic.Int64

// Sync waits until everything written in each of the regions (all, when none
// is named) before the call is visible in each other one of them. It writes a
// marker everywhere and waits to see it everywhere: effects of one region
// arrive in order, so what came before the marker is there when the marker is.
func (c *Cluster) Sync(ctx context.Context, regions ...string) error {
	if len(regions) == 0 {
		regions = c.Regions
	}
	clients := map[string]*redis.Client{}
	for _, r := range regions {
		clients[r] = c.NewClient(r, markerDB)
		defer clients[r].Close()
	}
	goal := marker.Add(1)
	var written time.Time
	return Poll(ctx, pollPause, func() error {
		if time.Since(written) > markerEvery {
			if err := writeMarkers(ctx, clients); err != nil {
				return err
			}
			written = time.Now()
		}
		return seeMarkers(ctx, clients, goal)
	})
}

func writeMarkers(ctx context.Context, clients map[string]*redis.Client) error {
	n := marker.Add(1)
	for r, cl := range clients {
		if err := cl.Set(ctx, "sync:"+r, n, 0).Err(); err != nil {
			return fmt.Errorf("write a marker in %s: %w", r, err)
		}
	}
	return nil
}

func seeMarkers(ctx context.Context, clients map[string]*redis.Client, goal int64) error {
	for at, cl := range clients {
		for of := range clients {
			got, err := cl.Get(ctx, "sync:"+of).Result()
			if err != nil {
				return fmt.Errorf("%s does not see writes of %s: %w", at, of, err)
			}
			if n, err := strconv.ParseInt(got, 10, 64); err != nil || n <= goal {
				return fmt.Errorf("%s does not see the latest writes of %s (marker %s, awaited above %d)", at, of, got, goal)
			}
		}
	}
	return nil
}

// Dump returns every key of a region's logical database 0 with its type and
// value in a form that does not depend on the order of replies.
func (c *Cluster) Dump(ctx context.Context, region string) (map[string]string, error) {
	cl := c.Client(region)
	keys := map[string]string{}
	scan := cl.Scan(ctx, 0, "*", 1000).Iterator()
	for scan.Next(ctx) {
		keys[scan.Val()] = ""
	}
	if err := scan.Err(); err != nil {
		return nil, fmt.Errorf("scan %s: %w", region, err)
	}
	for key := range keys {
		value, err := dumpKey(ctx, cl, key)
		if err != nil {
			return nil, fmt.Errorf("read %q in %s: %w", key, region, err)
		}
		keys[key] = value
	}
	return keys, nil
}

func dumpKey(ctx context.Context, cl *redis.Client, key string) (string, error) {
	kind, err := cl.Type(ctx, key).Result()
	if err != nil {
		return "", err
	}
	switch kind {
	case "string":
		v, err := cl.Get(ctx, key).Result()
		return "string " + strconv.Quote(v), err
	case "set":
		v, err := cl.SMembers(ctx, key).Result()
		slices.Sort(v)
		return fmt.Sprintf("set %q", v), err
	case "hash":
		v, err := cl.HGetAll(ctx, key).Result()
		return fmt.Sprintf("hash %q", v), err // maps print in key order
	}
	return dumpOrdered(ctx, cl, kind, key)
}

// dumpOrdered is dumpKey for the types whose replies have an order of their own.
func dumpOrdered(ctx context.Context, cl *redis.Client, kind, key string) (string, error) {
	switch kind {
	case "list":
		v, err := cl.LRange(ctx, key, 0, -1).Result()
		return fmt.Sprintf("list %q", v), err
	case "zset":
		v, err := cl.ZRangeWithScores(ctx, key, 0, -1).Result()
		return fmt.Sprintf("zset %v", v), err
	case "stream":
		v, err := cl.XRange(ctx, key, "-", "+").Result()
		return fmt.Sprintf("stream %v", v), err
	}
	return kind, nil
}

// Agree is nil when the regions (all, when none is named) show the same keys
// with the same values; else it names the first differences.
func (c *Cluster) Agree(ctx context.Context, regions ...string) error {
	if len(regions) == 0 {
		regions = c.Regions
	}
	first, err := c.Dump(ctx, regions[0])
	if err != nil {
		return err
	}
	for _, r := range regions[1:] {
		other, err := c.Dump(ctx, r)
		if err != nil {
			return err
		}
		if diff := difference(first, other); len(diff) > 0 {
			return fmt.Errorf("%s and %s disagree:\n  %s", regions[0], r, strings.Join(diff, "\n  "))
		}
	}
	return nil
}

// difference names at most ten keys on which two dumps differ.
func difference(a, b map[string]string) []string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	var diff []string
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if x, y := a[key], b[key]; x != y && len(diff) < 10 {
			diff = append(diff, fmt.Sprintf("%q: %.300s | %.300s", key, orNone(x), orNone(y)))
		}
	}
	return diff
}

func orNone(s string) string {
	if s == "" {
		return "(no key)"
	}
	return s
}
