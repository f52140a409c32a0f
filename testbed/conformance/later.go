package conformance

import "strings"

// later says, by the beginning of a case's ID, which cases cannot run yet and
// why. Whoever adds a type or a command takes its row out.
var later = []struct{ prefix, why string }{
	{"JSON-", "JSON comes later"},
	{"FT-", "search comes later"},
	{"OOM-", "maxmemory comes later"},
	{"IMP-", "import comes later"},
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
