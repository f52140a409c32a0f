package regions

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"crdb/testbed/cluster"
	"crdb/testbed/oracle"
)

const (
	databases = 16
	lookPause = 5 * time.Millisecond
	// settleTimeout is how long healed regions may take until their vectors are
	// equal; alikeTimeout how long equal vectors may come with unequal keys: a
	// vector counts what is on disk, and application may be a moment behind.
	settleTimeout = 40 * time.Second
	alikeTimeout  = 2 * time.Second
)

// vector is, per replica, the time of its last operation in a region.
type vector map[string]stamp

type stamp struct{ millis, logical int64 }

func (s stamp) before(t stamp) bool {
	return s.millis < t.millis || s.millis == t.millis && s.logical < t.logical
}

// covers says whether everything in w is in v.
func (v vector) covers(w vector) bool {
	for replica, at := range w {
		if v[replica].before(at) {
			return false
		}
	}
	return true
}

// issued returns a region's vector with all that it has itself issued, on disk
// or not yet; durable returns what is on disk.
func vectors(c *oracle.Conn) (issued, durable vector, err error) {
	rep, err := c.Do("INFO", "crdt")
	if err != nil {
		return nil, nil, err
	}
	info := map[string]string{}
	for _, line := range strings.Split(rep.Body, "\r\n") {
		name, value, _ := strings.Cut(line, ":")
		info[name] = value
	}
	issued, durable = vector{}, vector{}
	for _, word := range strings.Fields(strings.Trim(info["crdt_ovc"], "{}")) {
		replica, at, _ := strings.Cut(word, ":")
		issued[replica] = parseStamp(at)
		durable[replica] = issued[replica]
	}
	if own := parseStamp(info["crdt_clock"]); own.millis > 0 {
		issued[info["crdt_replica_id"]] = own
	}
	if info["crdt_replica_id"] == "" {
		return nil, nil, fmt.Errorf("INFO crdt answers %s", rep)
	}
	return issued, durable, nil
}

func parseStamp(text string) stamp {
	millis, logical, _ := strings.Cut(text, ".")
	var s stamp
	s.millis, _ = strconv.ParseInt(millis, 10, 64)
	s.logical, _ = strconv.ParseInt(logical, 10, 64)
	return s
}

// group is a connection to each region.
type group map[string]*oracle.Conn

func dialAll(c *cluster.Cluster) (group, error) {
	g := group{}
	for _, region := range c.Regions {
		conn, err := oracle.Dial(c.Node(region).Addr())
		if err != nil {
			g.close()
			return nil, err
		}
		g[region] = conn
	}
	return g, nil
}

func (g group) close() {
	for _, conn := range g {
		conn.Close()
	}
}

// deliver waits until region to has all that region from has now.
func deliver(ctx context.Context, from, to *oracle.Conn) error {
	goal, _, err := vectors(from)
	if err != nil {
		return err
	}
	return cluster.Poll(ctx, lookPause, func() error {
		_, have, err := vectors(to)
		if err != nil {
			return cluster.Permanent(err)
		}
		if !have.covers(goal) {
			return fmt.Errorf("has %v, awaited %v", have, goal)
		}
		return nil
	})
}

// level waits until all vectors are equal and returns them.
func (g group) level(ctx context.Context) (vector, error) {
	var all vector
	err := cluster.Poll(ctx, lookPause, func() error {
		var first string
		all = nil
		for _, region := range slices.Sorted(maps.Keys(g)) {
			issued, durable, err := vectors(g[region])
			if err != nil {
				return cluster.Permanent(err)
			}
			if all == nil {
				first, all = region, durable
			}
			if !durable.covers(issued) || !maps.Equal(durable, all) {
				return fmt.Errorf("%s has %v of %v, %s has %v", region, durable, issued, first, all)
			}
		}
		return nil
	})
	return all, err
}

// agree waits until all regions have the same operations and returns what is
// not alike; at most until the regions are alike.
func agree(ctx context.Context, c *cluster.Cluster) (state, []difference, error) {
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	g, err := dialAll(c)
	if err != nil {
		return nil, nil, err
	}
	defer g.close()
	var differ []difference
	var first state
	for began := time.Now(); ; {
		before, err := g.level(ctx)
		if err != nil {
			return nil, nil, fmt.Errorf("the healed regions do not catch up: %w", err)
		}
		if first, differ, err = g.compare(); err != nil {
			return nil, nil, err
		}
		after, err := g.level(ctx)
		if err != nil {
			return nil, nil, err
		}
		if quiet := maps.Equal(before, after); quiet && (len(differ) == 0 || time.Since(began) > alikeTimeout) {
			return first, differ, nil
		}
	}
}
