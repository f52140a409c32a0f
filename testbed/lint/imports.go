package lint

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// module is the path that our packages begin with.
const module = "crdb"

// Package is a package with all that it imports, directly and (Deps)
// altogether, without its tests.
type Package struct {
	Path    string
	Imports []string
	Deps    []string
}

// below lists, for each top directory, the others that its packages may rest
// on, directly or not. Imports run downward only.
var below = map[string][]string{
	"crdt":    {},
	"rdb":     {},
	"backup":  {"crdt", "oplog"},
	"resp":    {},
	"proto":   {},
	"oplog":   {"crdt"},
	"engine":  {"crdt", "oplog"},
	"command": {"crdt", "rdb", "oplog", "engine", "resp"},
	"peer":    {"crdt", "oplog", "proto"},
	"control": {"crdt", "rdb", "oplog", "backup", "engine", "resp", "proto", "command", "peer"},
	"cmd":     {"crdt", "rdb", "oplog", "backup", "engine", "resp", "proto", "command", "peer", "control"},
	"testbed": {"crdt", "rdb", "oplog", "backup", "engine", "resp", "proto", "command", "peer", "control"},
}

// wireEdges are the only directories that see wire types.
var wireEdges = []string{"proto", "peer", "control", "cmd", "testbed"}

// outside are, for a pure directory, the standard library's doors to the
// outside world, which it may not open itself.
var outside = map[string][]string{
	"rdb":    {"os", "io/fs", "net", "time", "math/rand", "math/rand/v2", "crypto/rand", "sync", "syscall", "log", "log/slog"},
	"crdt":   {"os", "io/fs", "net", "time", "math/rand", "math/rand/v2", "crypto/rand", "sync", "syscall", "log", "log/slog"},
	"engine": {"os", "net", "net/http", "syscall", "math/rand", "math/rand/v2", "crypto/rand"},
	"oplog":  {"net", "net/http", "math/rand", "math/rand/v2", "crypto/rand"},
}

// top returns the top directory of one of our packages.
func top(path string) (string, bool) {
	if path == module {
		return "", true
	}
	rest, ours := strings.CutPrefix(path, module+"/")
	dir, _, _ := strings.Cut(rest, "/")
	return dir, ours
}

// importDirection finds packages that rest on what is not below them.
func importDirection(pkgs []Package) []string {
	return eachDep(pkgs, func(dir, dep string, _ bool) string {
		other, ours := top(dep)
		switch allowed, known := below[dir]; {
		case !known:
			return fmt.Sprintf("directory %q has no row in the table", dir)
		case ours && other != dir && !slices.Contains(allowed, other):
			return fmt.Sprintf("%s may not rest on %s", dir, other)
		}
		return ""
	})
}

// pureCRDT finds what crdt imports besides the standard library.
func pureCRDT(pkgs []Package) []string {
	return eachDep(pkgs, func(dir, dep string, _ bool) string {
		first, _, _ := strings.Cut(dep, "/")
		if _, ours := top(dep); dir == "crdt" && !ours && strings.Contains(first, ".") {
			return "crdt may import the standard library only"
		}
		return ""
	})
}

// noDoors finds pure packages that open doors to the outside themselves.
func noDoors(pkgs []Package) []string {
	return eachDep(pkgs, func(dir, dep string, direct bool) string {
		if direct && slices.Contains(outside[dir], dep) {
			return fmt.Sprintf("%s may not import %s: it is given what it needs", dir, dep)
		}
		return ""
	})
}

// wireAtEdge finds packages that use wire types directly.
func wireAtEdge(pkgs []Package) []string {
	return eachDep(pkgs, func(dir, dep string, direct bool) string {
		other, ours := top(dep)
		wire := ours && other == "proto" || strings.HasPrefix(dep, "google.golang.org/")
		if direct && wire && !slices.Contains(wireEdges, dir) {
			return fmt.Sprintf("%s may not see wire types", dir)
		}
		return ""
	})
}

// eachDep applies a rule to every pair of a package of ours and something it
// rests on, and returns the distinct faults in order.
func eachDep(pkgs []Package, rule func(dir, dep string, direct bool) string) []string {
	faults := map[string]bool{}
	for _, p := range pkgs {
		dir, ours := top(p.Path)
		if !ours {
			continue
		}
		for _, dep := range append(p.Deps, p.Imports...) {
			if fault := rule(dir, dep, slices.Contains(p.Imports, dep)); fault != "" {
				faults[fmt.Sprintf("%s imports %s: %s", p.Path, dep, fault)] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(faults))
}
