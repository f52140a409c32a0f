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
	ops  int // written while a region is away, and keys of a state transfer
	keys []int
	doc  string
	only string // the one part to measure, empty for all
}

func main() {
	var o options
	var large bool
	flag.IntVar(&o.ops, "ops", 1_000_000, "writes while a region is away, and keys of a state transfer")
	flag.BoolVar(&large, "large", false, "also ten million keys: some minutes and 6 GB of memory more")
	flag.StringVar(&o.doc, "doc", "docs/reliability.md", "document to write the table into, from the root of the module; empty for none")
	flag.StringVar(&o.only, "only", "", "measure one part, absence, transfer or comeback, and leave the document as it is")
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
	parts := []struct {
		name string
		run  func() error
	}{
		{"absence", func() error { return absence(ctx, o.ops, &t) }},
		{"transfer", func() error { return transfer(ctx, o.ops, &t) }},
		{"comeback", func() error { return comebacks(ctx, o.keys, &t) }},
	}
	for _, p := range parts {
		if o.only != "" && o.only != p.name {
			continue
		}
		if err := p.run(); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	fmt.Print(t.String())
	if o.doc == "" || o.only != "" {
		return nil
	}
	root, err := cluster.ModuleRoot()
	if err != nil {
		return err
	}
	return t.insert(filepath.Join(root, o.doc))
}

func comebacks(ctx context.Context, keys []int, t *table) error {
	for _, n := range keys {
		if err := comeback(ctx, n, t); err != nil {
			return fmt.Errorf("%d keys: %w", n, err)
		}
	}
	return nil
}
