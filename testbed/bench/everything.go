package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// everything measures the families and the big keys and returns the page.
func everything(ctx context.Context, o options) (string, error) {
	requests, elements := familyRequests, 1_000_000
	if o.quick {
		requests, elements = 2000, 20_000
	}
	var b strings.Builder
	if o.only == "many" {
		err := manySmall(ctx, &b, elements/smallElems)
		return b.String(), err
	}
	fams, err := chosen(o.only)
	if err != nil {
		return "", err
	}
	all, err := measureFamilies(ctx, fams, o.rounds, requests)
	if err != nil {
		return "", err
	}
	if o.only != "" {
		renderFamilies(&b, fams, all)
		return b.String(), nil
	}
	fmt.Fprintf(&b, "Made by `make bench-all` on %s: %s. Medians of %d rounds, the two taking turns; %d connections, %d-byte values; pipelined by %d in the last three columns. CPU is for each request. Rewrites of redis-server's log and crdb's checkpoints fall between the figures.\n\n",
		time.Now().UTC().Format(time.DateOnly), machine(), o.rounds, connections, valueSize, familyPipeline)
	renderFamilies(&b, fams, all)
	fmt.Fprintf(&b, "\nOne key with %d elements. \"Base\" is the resident memory of the process at rest, after as many bytes were written to a string that is gone; \"grown\" is what the key added to it, at rest again. \"Others wait\" is the longest that another client's SET takes while DEL runs and a second after.\n\n", elements)
	b.WriteString("| key | system | build s | memory MiB | base MiB | grown MiB | grown, ratio | read all ms | DEL ms | others wait ms |\n")
	b.WriteString("|---|---|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, k := range bigs {
		base := int64(0)
		for _, sys := range systems[:2] {
			f, err := measureBig(ctx, sys, k, elements)
			if err != nil {
				return "", fmt.Errorf("%s, %s: %w", k.name, sys.name, err)
			}
			if base == 0 {
				base = f.memory - f.base
			}
			renderBig(&b, k, sys, f, base)
		}
	}
	err = manySmall(ctx, &b, elements/smallElems)
	return b.String(), err
}

// chosen are the families of these names, all if there are none. Those that find
// what another has left need that one beside them: HGET needs HSET.
func chosen(names string) ([]family, error) {
	all := families()
	if names == "" {
		return all, nil
	}
	var fams []family
	for _, name := range strings.Split(names, ",") {
		i := slices.IndexFunc(all, func(f family) bool { return f.name == name })
		if i < 0 {
			return nil, fmt.Errorf("no family is called %q", name)
		}
		fams = append(fams, all[i])
	}
	return fams, nil
}

// renderBig writes a line; base is what the key takes of redis-server's memory.
func renderBig(b *strings.Builder, k big, sys system, f bigFigure, base int64) {
	grown := f.memory - f.base
	fmt.Fprintf(b, "| %s | %s | %.2f | %d | %d | %d | %.2f | %.0f | %.1f | %.1f |\n", k.name, sys.name, f.build.Seconds(),
		f.memory>>20, f.base>>20, grown>>20, ratio(float64(grown), float64(base)), micros(f.read)/1000, micros(f.del)/1000, micros(f.worst)/1000)
}
