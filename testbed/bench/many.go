package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"

	"crdb/testbed/oracle"
)

// smallElems is how many elements a small collection has.
const smallElems = 5

// many is a kind of key of which there are very many, each with a few elements.
type many struct {
	name string
	add  string                           // the command that makes one
	elem func(a []string, i int) []string // appends the i-th element
}

var manies = []many{
	{"lists", "RPUSH", func(a []string, i int) []string { return append(a, "element:of:a:list:"+strconv.Itoa(i)) }},
	{"sets", "SADD", func(a []string, i int) []string { return append(a, "member:"+strconv.Itoa(i)) }},
	{"sorted sets", "ZADD", func(a []string, i int) []string { return append(a, strconv.Itoa(i), "member:"+strconv.Itoa(i)) }},
	{"hashes", "HSET", func(a []string, i int) []string {
		return append(a, "field:"+strconv.Itoa(i), "value:of:a:field:"+strconv.Itoa(i))
	}},
}

// manySmall measures the memory of very many small keys and appends the table.
func manySmall(ctx context.Context, b *strings.Builder, keys int) error {
	fmt.Fprintf(b, "\n%d keys with %d elements each, made one command after the other, a thousand in a pipeline.\n\n", keys, smallElems)
	b.WriteString("| keys | system | build s | memory MiB | base MiB | grown MiB | grown, ratio |\n|---|---|--:|--:|--:|--:|--:|\n")
	for _, k := range manies {
		base := int64(0)
		for _, sys := range systems[:2] {
			g, err := measureMany(ctx, sys, k, keys)
			if err != nil {
				return fmt.Errorf("%s, %s: %w", k.name, sys.name, err)
			}
			size := g.memory - g.base
			if base == 0 {
				base = size
			}
			fmt.Fprintf(b, "| %s | %s | %.2f | %d | %d | %d | %.2f |\n", k.name, sys.name, g.build.Seconds(),
				g.memory>>20, g.base>>20, size>>20, ratio(float64(size), float64(base)))
		}
	}
	return nil
}

// measureMany makes many small keys on a fresh server.
func measureMany(ctx context.Context, sys system, k many, keys int) (g grown, err error) {
	fmt.Fprintf(os.Stderr, "%d small %s: %s\n", keys, k.name, sys.name)
	err = onFresh(ctx, sys, func(r running, conn *oracle.Conn) (err error) {
		g, err = grow(r, conn, keys*smallElems, func() error { return k.build(conn, keys) })
		return err
	})
	return g, err
}

// build makes the keys.
func (k *many) build(conn *oracle.Conn, keys int) error {
	for i := 0; i < keys; i += bigBatch {
		var cmds [][]string
		for j := i; j < min(i+bigBatch, keys); j++ {
			args := []string{k.add, "key:" + strconv.Itoa(j)}
			for e := range smallElems {
				args = k.elem(args, e)
			}
			cmds = append(cmds, args)
		}
		replies, err := conn.Pipeline(cmds)
		if err != nil {
			return err
		}
		for _, rep := range replies {
			if rep.IsError() {
				return fmt.Errorf("%s: %s", k.add, rep)
			}
		}
	}
	return nil
}
