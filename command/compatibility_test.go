package command

import (
	"os"
	"strings"
	"testing"
)

// The page in docs says what the table says. A command that works though the
// page says "not yet" is an error in CI only: whoever brings it rewrites the
// page.
func TestCompatibility(t *testing.T) {
	const file = "../docs/compatibility.md"
	want := compatibility(newTable(families()...))
	if *rewrite {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	told := make(map[string]string)
	for _, line := range strings.Split(string(got), "\n") {
		if w := strings.Split(line, "|"); len(w) == 4 {
			told[w[1]] = line
		}
	}
	for _, line := range strings.Split(want, "\n") {
		w := strings.Split(line, "|")
		if len(w) != 4 || told[w[1]] == line {
			continue
		}
		t.Errorf("the page says %q, the table %q: run with -rewrite", told[w[1]], line)
	}
	if string(got) != want {
		t.Error("the page is not as the table makes it: run with -rewrite")
	}
}

// What is said to differ is there.
func TestDiffersNamesCommands(t *testing.T) {
	table := newTable(families()...)
	for name := range differs {
		if cmd := table.byFullName([]byte(name)); cmd == nil || strings.HasPrefix(cmd.Summary, refusedMark) {
			t.Errorf("%s differs, but is not there", name)
		}
	}
}
