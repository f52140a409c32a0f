package main

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// everything measures the families and the big keys and returns the page.
func everything(ctx context.Context, o options) (string, error) {
	requests, elements := familyRequests, 1_000_000
	if o.quick {
		requests, elements = 2000, 20_000
	}
	all, err := measureFamilies(ctx, o.rounds, requests)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Made by `make bench-all` on %s: %s. Medians of %d rounds, the two taking turns; %d connections, %d-byte values; pipelined by %d in the last three columns. CPU is for each request. Rewrites of redis-server's log and crdb's checkpoints fall between the figures.\n\n",
		time.Now().UTC().Format(time.DateOnly), machine(), o.rounds, connections, valueSize, familyPipeline)
	renderFamilies(&b, all)
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
	return b.String(), nil
}

// renderBig writes a line; base is what the key takes of redis-server's memory.
func renderBig(b *strings.Builder, k big, sys system, f bigFigure, base int64) {
	grown := f.memory - f.base
	fmt.Fprintf(b, "| %s | %s | %.2f | %d | %d | %d | %.2f | %.0f | %.1f | %.1f |\n", k.name, sys.name, f.build.Seconds(),
		f.memory>>20, f.base>>20, grown>>20, ratio(float64(grown), float64(base)), micros(f.read)/1000, micros(f.del)/1000, micros(f.worst)/1000)
}
