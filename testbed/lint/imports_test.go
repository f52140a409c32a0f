package lint

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

// list runs go list over the whole module. With a profile it would show packages twice.
func list(t *testing.T) []Package {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-pgo=off", "-deps", "-json=ImportPath,Imports,Deps,Standard", module+"/...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var pkgs []Package
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p struct {
			ImportPath    string
			Imports, Deps []string
			Standard      bool
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return pkgs
		} else if err != nil {
			t.Fatal(err)
		}
		if _, ours := top(p.ImportPath); ours && !p.Standard {
			pkgs = append(pkgs, Package{p.ImportPath, p.Imports, p.Deps})
		}
	}
}

var importRules = map[string]func([]Package) []string{
	"import direction": importDirection,
	"pure crdt":        pureCRDT,
	"no doors":         noDoors,
	"wire at the edge": wireAtEdge,
}

func TestImports(t *testing.T) {
	pkgs := list(t)
	if len(pkgs) < 5 {
		t.Fatalf("go list shows only %d packages of ours", len(pkgs))
	}
	for name, rule := range importRules {
		t.Run(name, func(t *testing.T) { report(t, rule(pkgs)) })
	}
}

// TestImportRulesCanFail gives every rule one package that breaks it and one
// that does not.
func TestImportRulesCanFail(t *testing.T) {
	for _, row := range []struct{ rule, from, bad, good string }{
		{"import direction", "crdb/crdt", "crdb/oplog", "sort"},
		{"import direction", "crdb/oplog", "crdb/engine", "crdb/crdt"},
		{"import direction", "crdb/engine", "crdb/command", "crdb/oplog"},
		{"import direction", "crdb/peer", "crdb/engine", "crdb/proto/replication"},
		{"import direction", "crdb/command", "crdb/peer", "crdb/engine"},
		{"import direction", "crdb/control", "crdb/cmd/crdb", "crdb/peer"},
		{"import direction", "crdb/cmd/crdb", "crdb/testbed/cluster", "crdb/control"},
		{"import direction", "crdb/surprise", "crdb/crdt", ""},
		{"pure crdt", "crdb/crdt", "github.com/some/thing", "encoding/binary"},
		{"no doors", "crdb/crdt", "time", "math/bits"},
		{"no doors", "crdb/engine", "os", "time"},
		{"wire at the edge", "crdb/engine", "google.golang.org/grpc", "crdb/oplog"},
		{"wire at the edge", "crdb/command", "crdb/proto/replication", "crdb/resp"},
	} {
		rule := importRules[row.rule]
		if faults := rule([]Package{{Path: row.from, Imports: []string{row.bad}}}); len(faults) == 0 {
			t.Errorf("%s: %s may import %s unnoticed", row.rule, row.from, row.bad)
		}
		if row.good == "" {
			continue
		}
		if faults := rule([]Package{{Path: row.from, Imports: []string{row.good}}}); len(faults) > 0 {
			t.Errorf("%s: complains without reason: %q", row.rule, faults)
		}
	}
}

func TestIndirectImportsCount(t *testing.T) {
	deep := []Package{{Path: "crdb/peer", Imports: []string{"fmt"}, Deps: []string{"fmt", "crdb/engine"}}}
	if len(importDirection(deep)) == 0 {
		t.Error("peer may rest on engine through another package unnoticed")
	}
}

func report(t *testing.T, faults []string) {
	t.Helper()
	for _, f := range faults {
		t.Error(f)
	}
}
