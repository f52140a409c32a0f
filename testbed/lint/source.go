package lint

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const (
	maxFileLines     = 500
	maxFunctionLines = 70
)

// File is one text file of the tree, with its path from the module's root.
type File struct {
	Path string
	Text string
}

func (f File) isGo() bool   { return strings.HasSuffix(f.Path, ".go") }
func (f File) isTest() bool { return strings.HasSuffix(f.Path, "_test.go") }

var generatedMark = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)

func (f File) generated() bool { return generatedMark.MatchString(f.Text) }

// seamDirs are where clock, randomness and network may be had directly: what
// wires, what tests, and the packages of the seam themselves.
var seamDirs = []string{"cmd/", "testbed/", "seam/"}

// seamCalls are the functions that go past the seam.
var seamCalls = map[string]string{
	"time":         `^(Now|Since|Until)$`,
	"math/rand":    `.*`,
	"math/rand/v2": `^(Int|Uint|Float|N$|Perm|Shuffle|Exp|Norm)`,
	"crypto/rand":  `.*`,
	"net":          `^(Dial|DialTimeout|DialTCP|DialUDP|DialUnix)$`,
}

// seam finds direct uses of clock, randomness and network.
func seam(f File) []string {
	if !f.isGo() || f.isTest() || f.generated() {
		return nil
	}
	for _, dir := range seamDirs {
		if strings.HasPrefix(f.Path, dir) {
			return nil
		}
	}
	return ban{seamCalls, "goes past the seam: take it as an argument", false}.in(f)
}

// noSleep finds tests that sleep instead of waiting for something. A pause in
// a loop that looks again is fine. The testbed's tests run real processes and
// may sleep.
func noSleep(f File) []string {
	if !f.isTest() || strings.HasPrefix(f.Path, "testbed/") || strings.HasPrefix(f.Path, "cmd/") {
		return nil
	}
	return ban{map[string]string{"time": "^Sleep$"}, "a test that sleeps hides a race", true}.in(f)
}

// ban forbids package functions.
type ban struct {
	calls       map[string]string // patterns of their names, by import path
	why         string
	fineInLoops bool
}

// in finds uses of what is banned in a file.
func (b ban) in(f File) []string {
	set := token.NewFileSet()
	tree, err := parser.ParseFile(set, f.Path, f.Text, 0)
	if err != nil {
		return []string{err.Error()}
	}
	patterns := map[string]*regexp.Regexp{} // by the name used in this file
	for _, spec := range tree.Imports {
		path, _ := strconv.Unquote(spec.Path.Value)
		if b.calls[path] == "" {
			continue
		}
		name := path[strings.LastIndexByte(path, '/')+1:]
		if name == "v2" {
			name = "rand"
		}
		if spec.Name != nil {
			name = spec.Name.Name
		}
		patterns[name] = regexp.MustCompile(b.calls[path])
	}
	var faults []string
	ast.Inspect(tree, func(n ast.Node) bool {
		switch n.(type) {
		case *ast.ForStmt, *ast.RangeStmt:
			if b.fineInLoops {
				return false
			}
		}
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		pkg, ok := sel.X.(*ast.Ident)
		if ok && pkg.Obj == nil && patterns[pkg.Name] != nil && patterns[pkg.Name].MatchString(sel.Sel.Name) {
			faults = append(faults, fmt.Sprintf("%v: %s.%s: %s", set.Position(sel.Pos()), pkg.Name, sel.Sel.Name, b.why))
		}
		return true
	})
	return faults
}

// fileLength finds Go files that are no longer one idea.
func fileLength(f File) []string {
	n := strings.Count(f.Text, "\n")
	if f.isGo() && !f.generated() && n > maxFileLines {
		return []string{fmt.Sprintf("%s has %d lines, at most %d", f.Path, n, maxFileLines)}
	}
	return nil
}

// functionLength finds functions that are too long to see at once.
func functionLength(f File) []string {
	if !f.isGo() || f.generated() {
		return nil
	}
	set := token.NewFileSet()
	tree, err := parser.ParseFile(set, f.Path, f.Text, 0)
	if err != nil {
		return []string{err.Error()}
	}
	var faults []string
	for _, d := range tree.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		n := set.Position(fn.End()).Line - set.Position(fn.Pos()).Line + 1
		if n > maxFunctionLines {
			faults = append(faults, fmt.Sprintf("%s: %s has %d lines, at most %d", f.Path, fn.Name.Name, n, maxFunctionLines))
		}
	}
	return faults
}

// outsidePaths are places that exist for those who write this project but not
// for those who read it. They are put together here so that this file may be
// checked too.
var outsidePaths = regexp.MustCompile(`(?i)/wo` + `rk/|\bshared/(design|semantics|examples|cases|control)|\b(our|the) con` +
	`tract\.md|\bissue #?[0-9]|/ro` + `ot/|/home/[a-z]`)

// mentions finds what no reader of the project can look up.
func mentions(f File) []string {
	var faults []string
	for i, line := range strings.Split(f.Text, "\n") {
		if m := outsidePaths.FindString(line); m != "" {
			faults = append(faults, fmt.Sprintf("%s:%d mentions %q", f.Path, i+1, m))
		}
	}
	return faults
}

// packageDocs finds directories with Go files of which none says what the
// package is for, in doc.go or, for a command, in main.go.
func packageDocs(files []File) []string {
	said := map[string]bool{}
	for _, f := range files {
		dir, name := split(f.Path)
		if !f.isGo() || f.isTest() {
			continue
		}
		if f.generated() {
			said[dir] = true
			continue
		}
		doc := (name == "doc.go" || name == "main.go") && strings.Contains(f.Text, "// Package ") ||
			name == "main.go" && strings.Contains(f.Text, "// Command ") || name == "doc.go" && strings.Contains(f.Text, "// Command ")
		said[dir] = said[dir] || doc
	}
	var faults []string
	for dir, ok := range said {
		if !ok {
			faults = append(faults, dir+" has no doc.go that says what it is for")
		}
	}
	slices.Sort(faults)
	return faults
}

func split(path string) (dir, name string) {
	at := strings.LastIndexByte(path, '/')
	return path[:at+1], path[at+1:]
}
