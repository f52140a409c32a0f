package sim

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var mutantsFlag = flag.Bool("mutants", false, "also build mutants of the nodes and demand that each is caught")

// change replaces a piece of a source file, given from the module's root.
type change struct{ file, old, new string }

// mutant is a fault that somebody could have made in the nodes' code. Runs of
// its configuration must fail in the first place with what finds matches.
type mutant struct {
	name    string
	changes []change
	finds   string
	config  Config
}

// plain is a configuration to put faults into.
func plain(faults ...string) Config {
	return Config{
		Regions: 3, Clients: 2, Ops: 300, Fsync: "always", Faults: faults, Families: []string{"string", "set", "list"}, Ledger: ledgerKinds,
		CacheBytes: 64 << 10, CheckpointBytes: 64 << 10, MemTableBytes: 1 << 20, HoldBlocks: 256, WindowBytes: 64 << 10, Retention: 1 << 30, FetchDelayMS: 200,
	}
}

// lagging is one whose members need state transfers.
func lagging(c Config) Config {
	c.Ops, c.Retention, c.CheckpointBytes, c.TransferRate = 600, 4<<10, 4<<10, 64<<10
	c.Families = []string{"string", "key", "hash"}
	return c
}

// fewKeys is one in which what is left of keys that are gone stands alone.
func fewKeys(c Config) Config {
	c.Families, c.Ledger = []string{scarce}, nil
	return c
}

// joining is one whose members come and go.
func joining(c Config) Config {
	c.Spares, c.Ops = 2, 900
	return c
}

// mutants of one list are built together, to save time: the configuration of one
// does not meet the fault of the others.
var mutants = append(mutantsOfData, mutantsOfMembers...)

var mutantsOfData = [][]mutant{
	{{
		"blocks do not depend on what images brought", []change{{"oplog/writer.go", "c.deps.Set(e.Replica, e.Time)\n\t\t\tahead", "ahead"}},
		"S", lagging(plain("away", "cut", "crash")),
	}},
	{{
		"blocks are applied without what they depend on", []change{
			{"peer/gate.go", "case !g.covered(b.Deps):", "case false:"},
			{"oplog/receive.go", "if here < e.Time {", "if false {"},
		}, "S2", plain("cut", "delay", "oneway"),
	}},
	{{
		"the last op of a group is not applied", []change{
			{"engine/apply.go", "for i := range a.group {\n\t\tif len(a.group) > 1 {", "for i := range a.group[:(len(a.group)+1)/2] {\n\t\tif len(a.group) > 1 {"},
		}, "S", plain(),
	}},
	{
		{
			"the log is not synced", []change{{"oplog/store.go", "batch.Commit(pebble.Sync)", "batch.Commit(pebble.NoSync)"}},
			"S3", plain("crash"),
		},
		{
			"a flush leaves the deadline beside a removed counter", []change{
				{"crdt/detach.go", "if o.Type() != TypeNone || len(o.Deadlines) > 0 {", "if o.Type() != TypeNone {"},
			}, "S", fewKeys(plain("cut", "delay")),
		},
	},
	{
		{
			"replies do not wait for the log", []change{{"command/settings.go", `c.String("appendfsync") == "always"`, "false"}},
			"S3", plain("crash"),
		},
		{
			"what a backup holds of a key is taken for what it is now", []change{
				{"engine/shorten.go", "return dict.Hash(h, binary.BigEndian.AppendUint64(nil, k.Object.Sum()))", "return h"},
			}, "S", joining(plain("backup", "grow", "shrink")),
		},
	},
}

// mutantRuns is how many seeds a mutant is given to be caught.
const mutantRuns = 12

// TestMutants: what the checkers are for, they see. A mutant is made by the
// compiler's overlay: there is no trace of it in the program.
func TestMutants(t *testing.T) {
	if !*mutantsFlag {
		t.Skip("-mutants builds and runs them")
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range mutants {
		bin := buildMutant(t, root, list)
		for _, m := range list {
			t.Run(m.name, func(t *testing.T) {
				t.Parallel() // a run takes one processor
				m.mustBeFound(t, bin)
			})
		}
	}
}

// buildMutant returns the file of a program with the faults of a list.
func buildMutant(t *testing.T, root string, list []mutant) (bin string) {
	t.Helper()
	var changes []change
	for _, m := range list {
		changes = append(changes, m.changes...)
	}
	dir := t.TempDir()
	bin = filepath.Join(dir, "mutant.test")
	build := exec.Command("go", "test", "-c", "-ldflags=-w", "-o", bin, "-overlay", overlay(t, root, dir, changes), "crdb/testbed/sim")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return bin
}

func (m mutant) mustBeFound(t *testing.T, bin string) {
	found := regexp.MustCompile("(?m)seed \\d+ fails: " + m.finds + ".*$")
	for seed := range uint64(mutantRuns) {
		m.config.Seed = seed + 1
		run := exec.Command(bin, "-test.run=TestSeeds", "-shrink=false", "-config", m.config.String())
		out, err := run.CombinedOutput()
		if what := found.Find(out); err != nil && what != nil {
			t.Logf("%s", what)
			return
		}
		if err != nil {
			t.Logf("seed %d: %s", seed+1, firstLines(string(out), 5))
		}
	}
	t.Errorf("%d runs did not find it", mutantRuns)
}

// overlay writes the changed files and the list of them that the compiler reads.
func overlay(t *testing.T, root, dir string, changes []change) string {
	t.Helper()
	replace := map[string]string{}
	for i, c := range changes {
		from := filepath.Join(root, c.file)
		to := replace[from]
		if to == "" {
			to = filepath.Join(dir, fmt.Sprint(i, ".go"))
		}
		text, err := os.ReadFile(from)
		if replace[from] != "" {
			text, err = os.ReadFile(to)
		}
		if err != nil {
			t.Fatal(err)
		}
		if strings.Count(string(text), c.old) != 1 {
			t.Fatalf("%s has %q %d times: the mutant is out of date", c.file, c.old, strings.Count(string(text), c.old))
		}
		if err := os.WriteFile(to, []byte(strings.Replace(string(text), c.old, c.new, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		replace[from] = to
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(name, list, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func firstLines(s string, n int) string {
	lines := strings.SplitN(s, "\n", n+1)
	return strings.Join(lines[:min(n, len(lines))], "\n")
}

// What no disk may do is noticed, too: a sync that does nothing, and a restart
// on a disk of long ago, with which a node uses dots again (D2).
func TestBadDisks(t *testing.T) {
	for name, tune := range map[string]func(*run){
		"lying": func(r *run) { r.lie = true },
		"old":   func(r *run) { r.old = true },
	} {
		t.Run(name, func(t *testing.T) {
			c := plain("crash")
			for seed := range uint64(mutantRuns) {
				c.Seed = seed + 1
				if res := simulate(t, c, tune); len(res.Failures) > 0 && strings.HasPrefix(res.Failures[0], "S") {
					return
				}
			}
			t.Errorf("%d runs did not find it", mutantRuns)
		})
	}
}
