package main

import (
	"fmt"
	"os"
	"strings"
)

// table is what was measured, in order.
type table struct{ rows []string }

// add adds a row and shows it.
func (t *table) add(what, format string, args ...any) {
	row := fmt.Sprintf("| %s | %s |\n", what, fmt.Sprintf(format, args...))
	fmt.Fprint(os.Stderr, row)
	t.rows = append(t.rows, row)
}

func (t *table) String() string {
	return "| what | measured |\n|---|---|\n" + strings.Join(t.rows, "")
}

// The table stands between these lines of the document.
const (
	tableBegin = "<!-- table begin -->\n"
	tableEnd   = "<!-- table end -->\n"
)

// insert puts the table into the document in place of the one that is there.
func (t *table) insert(file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(data), tableBegin)
	_, after, found := strings.Cut(rest, tableEnd)
	if !ok || !found {
		return fmt.Errorf("%s has no place for the table", file)
	}
	return os.WriteFile(file, []byte(before+tableBegin+t.String()+tableEnd+after), 0o644)
}
