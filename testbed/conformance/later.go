package conformance

import "strings"

// later says, by the beginning of a case's ID, which cases do not run here
// and why. Whoever adds a type or a command takes its row out.
var later = []struct{ prefix, why string }{
	{"JSON-", "JSON comes later"},
	{"FT-", "search comes later"},
	{"OOM-", "here clients are refused at maxmemory, and operations of other regions never: package command tests it"},
	{"IMP-", "the runner imports no files: testbed/move tests it"},
}

// comesLater returns why a case cannot run yet, or "".
func comesLater(id string) string {
	for _, row := range later {
		if strings.HasPrefix(id, row.prefix) {
			return row.why
		}
	}
	return ""
}
