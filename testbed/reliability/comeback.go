package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"crdb/control/api"
	"crdb/testbed/cluster"
)

// comeback fills two regions with n keys, compares them, and restarts one.
func comeback(ctx context.Context, n int, t *table) error {
	c, err := cluster.Start(ctx, cluster.Options{Direct: true, Regions: []string{"us-east", "eu-west"}})
	if err != nil {
		return err
	}
	defer c.Close()
	home := c.Regions[0]
	if err := fill(ctx, c, home, 0, n); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	if err := c.Sync(ctx); err != nil {
		return err
	}
	out, err := c.CLI(ctx, "--timeout", "10m", "-o", "json", "crdb", "verify", cluster.DatabaseName)
	if err != nil {
		return fmt.Errorf("verify: %w\n%s", err, out)
	}
	var v api.VerifyReport
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		return fmt.Errorf("%w in %q", err, out)
	}
	t.add(fmt.Sprintf("comparing two regions of %d keys", v.Keys), "%.2f s, no difference", v.Seconds)

	if err := c.Node(home).Kill(); err != nil {
		return err
	}
	began := time.Now()
	if err := c.Node(home).Restart(ctx); err != nil {
		return err
	}
	if err := c.WaitServing(ctx, home); err != nil {
		return err
	}
	total := time.Since(began)
	label := fmt.Sprintf("{database=%q}", cluster.DatabaseName)
	seconds, err := metric(ctx, c, home, "crdb_recovery_duration_seconds"+label)
	if err != nil {
		return err
	}
	replayed, err := metric(ctx, c, home, "crdb_recovery_replayed_ops"+label)
	if err != nil {
		return err
	}
	t.add(fmt.Sprintf("recovery of %d keys after kill -9", n), "%.2f s (%.0f ops of log replayed); serving %.2f s after the start of the process",
		seconds, replayed, total.Seconds())
	return nil
}

// metric returns one sample of a node's metrics, named with its labels.
func metric(ctx context.Context, c *cluster.Cluster, region, name string) (float64, error) {
	values, err := metrics(ctx, c, region, name)
	if err != nil {
		return 0, err
	}
	return values[0], nil
}

// metrics returns some samples of one look at a node's metrics.
func metrics(ctx context.Context, c *cluster.Cluster, region string, names ...string) ([]float64, error) {
	text, err := c.Node(region).Get(ctx, "/metrics")
	if err != nil {
		return nil, err
	}
	found := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "} "); ok {
			found[name+"}"] = value
		}
	}
	var values []float64
	for _, name := range names {
		v, err := strconv.ParseFloat(found[name], 64)
		if err != nil {
			return nil, fmt.Errorf("%s has no metric %s: %w", region, name, err)
		}
		values = append(values, v)
	}
	return values, nil
}
