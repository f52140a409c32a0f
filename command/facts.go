package command

import (
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

//go:embed facts.txt
var factsText string

// facts are what facts.txt says of one command.
type facts struct {
	Command
	docFlags   []string
	deprecated string // since
	replacedBy string
	syntax     string
}

// flagNames and categoryNames are in bit order, which is also the order in
// which COMMAND INFO shows them.
var flagNames = []string{
	"write", "readonly", "denyoom", "admin", "pubsub", "noscript", "blocking",
	"loading", "stale", "skip_monitor", "skip_slowlog", "asking", "fast",
	"no_auth", "no_mandatory_keys", "no_async_loading",
	"no_multi", "movablekeys", "allow_busy",
}

var categoryNames = []string{
	"keyspace", "read", "write", "set", "sortedset", "list", "hash", "string",
	"bitmap", "hyperloglog", "geo", "stream", "pubsub", "admin", "fast", "slow",
	"blocking", "dangerous", "connection", "transaction", "scripting",
}

// bitsOf returns the bits of space-separated names.
func bitsOf(names []string, words string) uint32 {
	var bits uint32
next:
	for _, w := range strings.Fields(words) {
		for i, n := range names {
			if n == w {
				bits |= 1 << i
				continue next
			}
		}
		panic("command: facts.txt: unknown word " + w)
	}
	return bits
}

// namesOf returns the names of the bits that are set.
func namesOf(names []string, bits uint32) []string {
	var out []string
	for i, n := range names {
		if bits&(1<<i) != 0 {
			out = append(out, n)
		}
	}
	return out
}

// loadFacts parses facts.txt. It panics on a mistake there: the text is part
// of the program.
func loadFacts() map[string]*facts {
	all := make(map[string]*facts, 400)
	for _, line := range strings.Split(factsText, "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		f := parseFacts(line)
		all[f.Name] = f
	}
	return all
}

func parseFacts(line string) *facts {
	p := strings.Split(line, "\t")
	if len(p) != 14 {
		panic("command: facts.txt: wrong number of fields: " + line)
	}
	f := &facts{docFlags: strings.Fields(p[10]), deprecated: p[11], replacedBy: p[12], syntax: p[13]}
	f.Name = p[0]
	f.Arity = mustInt(p[1])
	f.Flags = Flag(bitsOf(flagNames, p[2]))
	f.Categories = ACLCategory(bitsOf(categoryNames, p[3]))
	mustScan(p[4], &f.FirstKey, &f.LastKey, &f.KeyStep)
	f.Tips = strings.Fields(p[5])
	for _, s := range strings.Split(p[6], "; ") {
		if s != "" {
			f.KeySpecs = append(f.KeySpecs, parseKeySpec(s))
		}
	}
	f.Group, f.Since, f.Complexity = p[7], p[8], p[9]
	return f
}

// parseKeySpec reads "index 1 range 0 1 0 RO,access : notes".
func parseKeySpec(s string) KeySpec {
	var k KeySpec
	s, k.Notes, _ = strings.Cut(s, " : ")
	w := strings.Fields(s)
	switch w[0] {
	case "index":
		k.Begin.Index, w = mustInt(w[1]), w[2:]
	case "keyword":
		k.Begin.Keyword, k.Begin.StartFrom, w = w[1], mustInt(w[2]), w[3:]
	case "unknown":
		w = w[1:]
	}
	k.Find.Type, w = w[0], w[1:]
	switch k.Find.Type {
	case "range":
		k.Find.LastKey, k.Find.KeyStep, k.Find.Limit, w = mustInt(w[0]), mustInt(w[1]), mustInt(w[2]), w[3:]
	case "keynum":
		k.Find.NumIndex, k.Find.FirstKey, k.Find.KeyStep, w = mustInt(w[0]), mustInt(w[1]), mustInt(w[2]), w[3:]
	}
	if len(w) > 0 {
		k.Flags = strings.Split(w[0], ",")
		k.notKey = slices.Contains(k.Flags, "not_key")
	}
	return k
}

func mustInt(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic("command: facts.txt: " + err.Error())
	}
	return n
}

func mustScan(s string, to ...*int) {
	for i, w := range strings.Fields(s) {
		if i >= len(to) {
			panic(fmt.Sprintf("command: facts.txt: too many numbers in %q", s))
		}
		*to[i] = mustInt(w)
	}
}
