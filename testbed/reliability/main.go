package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"

	"crdb/testbed/cluster"
)

// options say how much to measure.
type options struct {
	ops  int // written while a region is away
	keys []int
	doc  string
}

func main() {
	var o options
	var large bool
	flag.IntVar(&o.ops, "ops", 1_000_000, "writes while a region is away")
	flag.BoolVar(&large, "large", false, "also ten million keys: some minutes and 6 GB of memory more")
	flag.StringVar(&o.doc, "doc", "docs/reliability.md", "document to write the table into, from the root of the module; empty for none")
	flag.Parse()
	o.keys = []int{1_000_000}
	if large {
		o.keys = append(o.keys, 10_000_000)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "reliability:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	var t table
	if err := absence(ctx, o.ops, &t); err != nil {
		return fmt.Errorf("absence: %w", err)
	}
	for _, n := range o.keys {
		if err := comeback(ctx, n, &t); err != nil {
			return fmt.Errorf("%d keys: %w", n, err)
		}
	}
	fmt.Print(t.String())
	if o.doc == "" {
		return nil
	}
	root, err := cluster.ModuleRoot()
	if err != nil {
		return err
	}
	return t.insert(filepath.Join(root, o.doc))
}
