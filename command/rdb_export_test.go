package command

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"crdb/engine"
)

// exportFile exports what is on disk now.
func (w *world) exportFile() []byte {
	w.t.Helper()
	snap, err := w.log.Snapshot(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	defer snap.Close()
	var b bytes.Buffer
	if _, err := Export(context.Background(), &b, ExportOptions{Keys: &engine.Frozen{Source: snap, Seed: 7, Now: w.wall.Load()}}); err != nil {
		w.t.Fatal(err)
	}
	return b.Bytes()
}

// TestExportThenImport: random writes, with checkpoints between them, come back
// key by key, in all databases.
func TestExportThenImport(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 1))
			w := newWorld(t)
			for i := range 2000 {
				key := fmt.Sprint("k", rnd.IntN(300))
				v := fmt.Sprint("v", rnd.IntN(50), strings.Repeat("x", rnd.IntN(20)))
				w.ask([]string{
					"SET " + key + " " + v, "SET " + key + " " + v + " PX 100000", "RPUSH " + key + " " + v + " a b", "SADD " + key + " " + v + " 1 2",
					"HSET " + key + " f" + v + " " + v, fmt.Sprint("ZADD ", key, " ", rnd.Float64(), " ", v), "DEL " + key, "PEXPIRE " + key + " 90000",
					"INCRBY " + key + " 7", "LPOP " + key, "SREM " + key + " 1", "PFADD " + key + " " + v,
					fmt.Sprint("SELECT ", rnd.IntN(3)), "SET " + key + " " + v + " PX 1",
				}[rnd.IntN(14)])
				if i == 900 || i == 1500 {
					w.srv.engine.Checkpoint()
				}
				if i == 1200 {
					w.ask("FLUSHDB")
				}
			}
			w.wall.Add(10)
			file := w.exportFile()
			other := newWorld(t)
			other.wall.Store(w.wall.Load())
			n, err := other.importFile(file, ImportEmpty)
			if err != nil || n.Keys == 0 || n.Expired+n.Kept != 0 {
				t.Fatalf("%+v, %v", n, err)
			}
			if a, b := w.contents(), other.contents(); a != b {
				t.Errorf("seed %d: before\n%s\nafter\n%s", seed, a, b)
			}
		})
	}
}

// contents lists all keys with types, deadlines and values.
func (w *world) contents() string {
	var out strings.Builder
	for db := range engine.Databases {
		w.ask(fmt.Sprint("SELECT ", db))
		keys := strings.Fields(w.ask("KEYS *"))
		slices.Sort(keys)
		for _, k := range keys {
			typ := w.ask("TYPE " + k)
			read := map[string]string{"string": "GET %s", "list": "LRANGE %s 0 -1", "set": "SMEMBERS %s", "hash": "HGETALL %s", "zset": "ZRANGE %s 0 -1 WITHSCORES"}[typ]
			words := strings.Fields(w.ask(fmt.Sprintf(read, k)))
			if typ == "set" {
				slices.Sort(words)
			}
			if typ == "hash" {
				pairs := words[:0:0]
				for i := 0; i+1 < len(words); i += 2 {
					pairs = append(pairs, words[i]+"="+words[i+1])
				}
				slices.Sort(pairs)
				words = pairs
			}
			fmt.Fprintf(&out, "%d %s %s %s: %q\n", db, k, typ, w.ask("PTTL "+k), words)
		}
	}
	return out.String()
}
