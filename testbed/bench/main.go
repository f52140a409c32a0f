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
	quick    bool
	all      bool // every family and big keys, instead of the basic table
	rounds   int
	requests int // unpipelined; five times as many pipelined
	probes   int
	strings  int // for the memory figure
	doc      string
	only     string // names of families, with commas between, or many; empty for all
	profile  string // file for a profile, in place of a table
}

func main() {
	var o options
	flag.BoolVar(&o.quick, "quick", false, "a short run to see that everything works; changes no document")
	flag.BoolVar(&o.all, "all", false, "commands of every family, and keys with a million elements, instead of the basic table")
	flag.IntVar(&o.rounds, "rounds", 3, "rounds; every figure is their median")
	flag.IntVar(&o.requests, "requests", 200_000, "unpipelined requests per figure")
	flag.StringVar(&o.doc, "doc", "docs/performance.md", "document to write the table into, from the root of the module; empty for none")
	flag.StringVar(&o.only, "only", "", "with -all, only the families with one of these names, and no big keys, or \"many\": only the memory of many small keys; prints the table alone")
	flag.StringVar(&o.profile, "profile", "", "measure nothing; write a profile of crdb under all workloads into this file, for the compiler")
	flag.Parse()
	if o.only != "" {
		o.doc = ""
	}
	if o.all && o.doc == "docs/performance.md" {
		o.doc = "docs/performance-families.md"
	}
	o.probes, o.strings = 1000, 1_000_000
	if o.quick {
		o.rounds, o.requests, o.probes, o.strings, o.doc = 1, 10_000, 100, 50_000, ""
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	if o.profile != "" {
		return profile(ctx, o)
	}
	if o.all {
		text, err := everything(ctx, o)
		if err != nil {
			return err
		}
		return publish(o, text)
	}
	s := newResults()
	for round := range o.rounds {
		for _, sys := range systems {
			fmt.Fprintf(os.Stderr, "round %d of %d: %s\n", round+1, o.rounds, sys.name)
			if err := measure(ctx, o, sys, s); err != nil {
				return fmt.Errorf("%s: %w", sys.name, err)
			}
		}
	}
	if err := visibility(ctx, o, s); err != nil {
		return fmt.Errorf("visibility: %w", err)
	}
	for _, sys := range systems[:2] {
		if err := memory(ctx, o, sys, s); err != nil {
			return fmt.Errorf("memory of %s: %w", sys.name, err)
		}
	}
	return publish(o, render(o, s))
}

// publish prints a page and writes it into its document.
func publish(o options, text string) error {
	fmt.Println(text)
	if o.doc == "" {
		return nil
	}
	root, err := cluster.ModuleRoot()
	if err != nil {
		return err
	}
	return insert(filepath.Join(root, o.doc), text)
}
