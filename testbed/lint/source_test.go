package lint

import (
	"go/format"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"crdb/testbed/cluster"
)

// tree reads every text file that is tracked or about to be.
func tree(t *testing.T) []File {
	t.Helper()
	root, err := cluster.ModuleRoot()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("git", "ls-files", "--cached", "--others", "--exclude-standard")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("LEFT OUT: not a git checkout: %v", err)
	}
	var files []File
	for _, path := range strings.Fields(string(out)) {
		data, err := os.ReadFile(filepath.Join(root, path))
		if err == nil && utf8.Valid(data) {
			files = append(files, File{path, string(data)})
		}
	}
	if len(files) < 20 {
		t.Fatalf("only %d files found", len(files))
	}
	return files
}

func gofmt(f File) []string {
	if !f.isGo() || f.generated() {
		return nil
	}
	if out, err := format.Source([]byte(f.Text)); err != nil || string(out) != f.Text {
		return []string{f.Path + " is not as gofmt writes it"}
	}
	return nil
}

var sourceRules = map[string]func(File) []string{
	"seam":            seam,
	"no sleep":        noSleep,
	"file length":     fileLength,
	"function length": functionLength,
	"mentions":        mentions,
	"gofmt":           gofmt,
}

func TestSource(t *testing.T) {
	files := tree(t)
	for name, rule := range sourceRules {
		t.Run(name, func(t *testing.T) {
			for _, f := range files {
				report(t, rule(f))
			}
		})
	}
	t.Run("package docs", func(t *testing.T) { report(t, packageDocs(files)) })
}

// TestSourceRulesCanFail gives every rule a text that breaks it and one that
// comes close but does not.
func TestSourceRulesCanFail(t *testing.T) {
	body := func(n int) string { return "package p\n\nfunc f() {\n" + strings.Repeat("\tprintln()\n", n) + "}\n" }
	use := func(path, call string) string {
		return "package p\n\nimport \"" + path + "\"\n\nvar x = " + call + "\n"
	}
	for _, row := range []struct{ rule, path, bad, good string }{
		{"seam", "engine/a.go", use("time", "time.Now()"), use("time", "time.Second")},
		{"seam", "engine/a.go", use("time", "time.Since(t)"), use("time", "time.Unix(0, 0)")},
		{"seam", "engine/a.go", "package p\n\nimport clock \"time\"\n\nvar x = clock.Now\n", use("time", "clock.Now()")},
		{"seam", "peer/a.go", use("math/rand/v2", "rand.IntN(3)"), use("math/rand/v2", "rand.New(rand.NewPCG(1, 2))")},
		{"seam", "peer/a.go", use("crypto/rand", "rand.Reader"), ""},
		{"seam", "peer/a.go", use("net", `net.Dial("tcp", "x")`), use("net", "net.ErrClosed")},
		{"no sleep", "peer/a_test.go", use("time", "time.Sleep(1)"), use("time", "time.Second")},
		{"no sleep", "peer/a_test.go", "package p\n\nimport \"time\"\n\nfunc f() { time.Sleep(1) }\n",
			"package p\n\nimport \"time\"\n\nfunc f() {\n\tfor !done() {\n\t\ttime.Sleep(1)\n\t}\n}\n"},
		{"file length", "peer/a.go", strings.Repeat("\n", 501), strings.Repeat("\n", 500)},
		{"function length", "peer/a.go", body(69), body(68)},
		{"mentions", "docs/a.md", "as in /wo" + "rk/x", "homework/x"},
		{"mentions", "docs/a.md", "see iss" + "ue 12", "an issue of 12 pages"},
		{"gofmt", "peer/a.go", "package p\nvar  x int\n", "package p\n\nvar x int\n"},
	} {
		rule := sourceRules[row.rule]
		if len(rule(File{row.path, row.bad})) == 0 {
			t.Errorf("%s does not see: %.80q", row.rule, row.bad)
		}
		if faults := rule(File{row.path, row.good}); row.good != "" && len(faults) > 0 {
			t.Errorf("%s complains without reason: %q", row.rule, faults)
		}
	}
	if len(packageDocs([]File{{"peer/a.go", "package peer"}})) == 0 {
		t.Error("package docs does not see a package without doc.go")
	}
	if faults := packageDocs([]File{{"peer/doc.go", "// Package peer is.\npackage peer"}}); len(faults) > 0 {
		t.Errorf("package docs complains without reason: %q", faults)
	}
}
