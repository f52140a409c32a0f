package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"crdb/testbed/cluster"
)

const (
	calmLook = 500 * time.Millisecond
	calmMost = calmLook / 20 // of processor, in one look
	calmWait = time.Minute
	calmRow  = 6 // looks in a row: what was cut from the log is thrown away a little later
)

// calm waits until no region works off what was written before: Pebble compacts and
// checkpoints go on for a while, and what is to be timed is neither.
func calm(ctx context.Context, c *cluster.Cluster) error {
	ctx, cancel := context.WithTimeout(ctx, calmWait)
	defer cancel()
	used, row := map[string]time.Duration{}, 0
	return cluster.Poll(ctx, calmLook, func() (busy error) {
		for _, region := range c.Regions {
			if !c.Node(region).Running() {
				continue
			}
			u, err := c.Node(region).Usage()
			if err != nil {
				return cluster.Permanent(err)
			}
			if u.CPU-used[region] > calmMost {
				busy = fmt.Errorf("%s does not come to rest", region)
			}
			used[region] = u.CPU
		}
		if row++; busy != nil {
			row = 0
		} else if row < calmRow {
			busy = errors.New("at rest for a moment only")
		}
		return busy
	})
}

// settle waits until all regions have the same, and nothing to do.
func settle(ctx context.Context, c *cluster.Cluster) error {
	if err := c.Sync(ctx); err != nil {
		return err
	}
	return calm(ctx, c)
}
