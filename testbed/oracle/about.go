package oracle

import (
	"regexp"
	"slices"
	"strings"
)

// commandNames are names and what looks like one, for COMMAND INFO and DOCS.
var commandNames = []string{
	"get", "SET", "hset", "sintercard", "copy", "lcs", "exec", "config|get", "CONFIG|set", "nosuch", "ping", "sscan", "xadd",
	"zadd", "eval", "fcall_ro", "georadius", "xgroup", "xgroup|create", "object", "object|help", "get|x", "config|", "|",
	"config|get|x", "", "migrate", "bitfield", "client|kill", "acl|setuser", "sort", "script|load", "memory|usage", "latency",
}

// namePatterns are patterns over names of commands.
var namePatterns = []string{"xr*", "[X]R*", "*|*", "config|*", "*", "", "nosuch", "CONFIG*", "?et", "*get*", "[^a-m]*"}

var infoNames = []string{
	"server", "clients", "memory", "persistence", "stats", "replication", "cpu", "modules", "commandstats", "errorstats",
	"latencystats", "cluster", "keyspace", "sentinel", "default", "all", "everything", "SERVER", "Stats", "nosuch", "",
}

// aboutForms are commands that tell of commands, of keys' ways of storage, and
// of the server.
var aboutForms = []string{
	"COMMAND",
	"COMMAND COUNT [<val>]",
	"COMMAND INFO <aboutname>*",
	"COMMAND INFO <aboutname>+",
	"COMMAND DOCS <aboutname>+",
	"COMMAND DOCS",
	"COMMAND LIST",
	"COMMAND LIST FILTERBY PATTERN <namepattern> [<val>]",
	"COMMAND LIST FILTERBY PATTERN <namepattern>",
	"COMMAND LIST FILTERBY ACLCAT (read|WRITE|dangerous|nosuch|@read|fast|<val>)",
	"COMMAND LIST FILTERBY (MODULE|<val>) <val>",
	"COMMAND LIST (FILTERBY|PATTERN|<val>)*",
	"COMMAND GETKEYS <line>", "COMMAND GETKEYS <line>", "COMMAND GETKEYS <line>",
	"COMMAND GETKEYSANDFLAGS <line>", "COMMAND GETKEYSANDFLAGS <line>", "COMMAND GETKEYSANDFLAGS <line>",
	"COMMAND (GETKEYS|GETKEYSANDFLAGS) (SET|BITFIELD|SORT|GEORADIUS|MIGRATE|EVAL|XREAD|ZUNIONSTORE|LMPOP|<aboutname>) <loose>*",
	"COMMAND (GETKEYS|GETKEYSANDFLAGS) MIGRATE host 1 <loose> 0 10 <loose>* KEYS <any>+",
	"COMMAND (GETKEYS|GETKEYSANDFLAGS) (EVAL|FCALL) x <pos> <any>*",
	"COMMAND (GETKEYS|GETKEYSANDFLAGS) (config|object|memory|xgroup) (get|encoding|usage|create|nosuch) <any>*",
	"COMMAND (HELP|<val>) [<val>]",
	"OBJECT (ENCODING|REFCOUNT|IDLETIME|FREQ|<val>) <any>*",
	"OBJECT (ENCODING|IDLETIME|FREQ) <any>",
	"OBJECT HELP [<val>]",
	"LATENCY (HISTORY|GRAPH|RESET|LATEST|DOCTOR|HELP|<val>) <latencyevent>*",
	"LATENCY (HISTORY|GRAPH) <latencyevent>",
	"LATENCY HISTOGRAM <aboutname>*",
	"LATENCY",
	"MEMORY (USAGE|DOCTOR|STATS|PURGE|MALLOC-STATS|HELP|<val>) <val>*",
	"MEMORY USAGE <any> (SAMPLES <pos>|<val>)*",
	"INFO <infoname>*",
	"INFO <infoname>",
}

// loose are words that key searches look for, and others.
var loose = []string{"get", "GET", "set", "incrby", "overflow", "keys", "KEYS", "auth", "auth2", "store", "STOREDIST", "streams",
	"by", "limit", "copy", "", "1", "2", "0", "a", "b", "u8", "#1", "-1", "x"}

// aboutRule is the rule for a command of these families; ok is false if
// there is none but byte for byte.
func aboutRule(args []string) (r rule, ok bool) {
	name, sub := commandName(args), ""
	if len(args) > 1 {
		sub = strings.ToLower(args[1])
	}
	switch {
	case sub == "help" && slices.Contains([]string{"command", "object", "latency", "memory"}, name):
		return helpful, true
	case name == "command" && (sub == "" || sub == "info"):
		return described, true
	case name == "command" && sub == "docs":
		return documented, true
	case name == "command" && sub == "list":
		return superset, true
	case name == "command" && sub == "count", name == "latency" && sub == "doctor", name == "object" && sub == "encoding" && len(args) == 3:
		return own, true
	case name == "latency" && sub == "histogram", name == "memory" && sub == "stats":
		return keyed, true
	case name == "info":
		return informed, true
	}
	return exact, false
}

// sameAbout compares by the rules of this file.
func sameAbout(r rule, a, b Reply) bool {
	switch r {
	case helpful:
		return slices.Equal(a.subcommands(), meet(b.subcommands(), a.subcommands()))
	case superset:
		return within(a.bag(1), b.bag(1))
	case described:
		return sameDescribed(a, b)
	case documented:
		return sameDocs(a, b)
	case keyed:
		return within(a.names(), b.names())
	case informed:
		return sameInfo(a.Body, b.Body)
	}
	return false
}

// within reports whether everything of a is in b.
func within(a, b []string) bool {
	return !slices.ContainsFunc(a, func(x string) bool { return !slices.Contains(b, x) })
}

// meet returns what of a is in b, too.
func meet(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(x string) bool { return !slices.Contains(b, x) })
}

// subcommands are the first words of the lines of HELP that are not indented,
// sorted; the texts are each server's own.
func (r *Reply) subcommands() []string {
	var out []string
	for _, it := range r.Items {
		if word := it.Head[1:]; word != "" && word[0] != ' ' && word[0] != '(' {
			word, _, _ = strings.Cut(word, " ")
			out = append(out, word)
		}
	}
	slices.Sort(out)
	return out
}

// names are the keys of a map, without those about a database's hash tables.
func (r *Reply) names() (out []string) {
	for i := 0; i+1 < len(r.Items); i += 2 {
		if name := r.Items[i].Body; !strings.HasPrefix(name, "db.") {
			out = append(out, name)
		}
	}
	return out
}

// sameDescribed compares COMMAND INFO: flags, categories, tips and subcommands
// come in no order, and crdb may have more subcommands, and commands if all
// were asked for.
func sameDescribed(a, b Reply) bool {
	byName := make(map[string]Reply)
	for _, it := range b.Items {
		if len(it.Items) == 10 {
			byName[it.Items[0].Body] = it
		}
	}
	for i, x := range a.Items {
		if len(x.Items) != 10 {
			if i >= len(b.Items) || x.Wire() != b.Items[i].Wire() {
				return false
			}
			continue
		}
		y, ok := byName[x.Items[0].Body]
		if !ok || !sameDescription(x, y) {
			return false
		}
	}
	return true
}

func sameDescription(x, y Reply) bool {
	for i := range x.Items {
		p, q := x.Items[i], y.Items[i]
		switch i {
		case 2, 6, 7:
			if p.Head != q.Head || !slices.Equal(p.bag(1), q.bag(1)) {
				return false
			}
		case 9:
			if !sameDescribed(p, q) {
				return false
			}
		default:
			if p.Wire() != q.Wire() {
				return false
			}
		}
	}
	return true
}

// sameDocs compares COMMAND DOCS; summary and complexity are in words of
// crdb's own, without history.
func sameDocs(a, b Reply) bool {
	docs := make(map[string]Reply)
	for i := 0; i+1 < len(b.Items); i += 2 {
		docs[b.Items[i].Body] = b.Items[i+1]
	}
	for i := 0; i+1 < len(a.Items); i += 2 {
		field, x := a.Items[i].Body, a.Items[i+1]
		y, ok := docs[field]
		switch {
		case field == "summary" || field == "complexity" || field == "history":
		case !ok:
			return false
		case field == "subcommands" || len(x.Items) > 0 && x.Items[0].Body == "summary":
			if !sameDocs(x, y) {
				return false
			}
		case x.Wire() != y.Wire():
			return false
		}
	}
	return true
}

// infoValues are the fields of INFO with the same value in both servers.
var infoValues = []string{"redis_mode", "arch_bits", "role", "connected_slaves", "cluster_enabled", "maxmemory",
	"maxmemory_human", "maxmemory_policy", "loading", "maxclients", "hz", "configured_hz", "multiplexing_api"}

// sameKeyspace compares INFO keyspace; avg_ttl is an estimate.
func sameKeyspace(a, b string) bool {
	estimate := regexp.MustCompile(`avg_ttl=\d+`)
	return estimate.ReplaceAllString(a, "") == estimate.ReplaceAllString(b, "")
}

// sameInfo compares sections, in order, and the fields in them. crdb has a
// section and fields more. What statistics there are depends on what came
// before, and what keys are counted on what has been met: see TestObjects.
func sameInfo(a, b string) bool {
	x, y := infoSections(a), infoSections(b)
	y = slices.DeleteFunc(y, func(s infoSection) bool { return s.title == "# CRDT" })
	return slices.EqualFunc(x, y, func(p, q infoSection) bool {
		switch p.title {
		case "# Commandstats", "# Errorstats", "# Latencystats", "# Keyspace":
			return p.title == q.title
		}
		for name, value := range p.fields {
			other, ok := q.fields[name]
			if !ok || slices.Contains(infoValues, name) && value != other {
				return false
			}
		}
		return p.title == q.title
	})
}

type infoSection struct {
	title  string
	fields map[string]string
}

func infoSections(text string) (out []infoSection) {
	for _, line := range strings.Split(text, "\r\n") {
		if strings.HasPrefix(line, "# ") {
			out = append(out, infoSection{line, make(map[string]string)})
		} else if name, value, ok := strings.Cut(line, ":"); ok && len(out) > 0 {
			out[len(out)-1].fields[name] = value
		}
	}
	return out
}
