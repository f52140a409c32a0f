package command

import (
	"fmt"
	"sort"
	"strings"
)

// refusedMark begins the summary of a command that is there only to say why it
// does nothing.
const refusedMark = "Refused: "

// differs says in what commands are not as in redis-server 7.0, regions apart.
var differs = map[string]string{
	"acl|cat":             "lists the commands there are here",
	"acl|getuser":         "single commands come sorted; in Redis in no order",
	"acl|list":            "single commands come sorted; in Redis in no order",
	"auth":                "after a few failures the answer waits, ever longer",
	"client|tracking":     "with BCAST an invalidation is sent at once, with keys of one prefix that change one behind the other; in Redis with all that change in a round of its event loop; who leaves 256 MiB of them unread is closed, whatever the limit of normal clients",
	"client|info":         "as CLIENT LIST",
	"client|list":         "memory figures count what waits in our own buffers, and only while it waits; has lib-name and lib-ver, as in Redis 7.2",
	"cluster|help":        "lists the subcommands, all of which are refused",
	"command|docs":        "summaries and complexities are our own, without history",
	"config|get":          "knows the parameters that have a meaning here",
	"config|set":          "knows the parameters that have a meaning here",
	"config|rewrite":      "writes parameters that CONFIG SET can change, and no users; the file is the node's, so all its databases start with them; a file that would not be read again is refused",
	"debug":               "has SLEEP, which stops its client only, OBJECT, ERROR, PROTOCOL, HELP, and SET-ACTIVE-EXPIRE, PAUSE-CRON and QUICKLIST-PACKED-THRESHOLD, which change nothing, and digests of live state rather than of values",
	"eval":                "syntax errors, and errors that name a variable, are worded differently; string.dump is refused; next with a key that the table never had is no error; redis.set_repl takes REPL_ALL only, as all effects replicate",
	"flushall":            "removes what this region has seen; concurrent writes elsewhere stay",
	"flushdb":             "removes what this region has seen; concurrent writes elsewhere stay",
	"function|list":       "libraries come sorted; in Redis in no order",
	"function|dump":       "libraries come sorted; in Redis in no order",
	"info":                "has a section crdt; memory figures are Go's; XREAD and XREADGROUP count a key once as keyspace_hits or keyspace_misses, in Redis twice",
	"latency|doctor":      "the text is our own",
	"bgsave":              "writes a checkpoint, not a dump file; no write depends on it, every one is in the log (docs/operations.md)",
	"bgrewriteaof":        "writes a checkpoint and drops the log that no region needs any more",
	"save":                "writes a checkpoint; only this client waits",
	"lastsave":            "is the last checkpoint, which the server also writes by itself",
	"linsert":             "an error when more than 65536 elements would have to move for it (docs/consistency.md)",
	"lolwut":              "shows the version only",
	"object|encoding":     "follows from the value alone, not from what made it (a short string that APPEND or SETBIT has changed is embstr)",
	"memory|doctor":       "the text is our own",
	"memory|malloc-stats": "shows the Go runtime's figures",
	"memory|stats":        "shows the Go runtime's figures",
	"memory|usage":        "counts our own layout",
	"monitor":             "what is not read is bounded as for subscribers",
	"object|freq":         "chance is at work, as in Redis",
	"dump":                "in the plain encodings that every Redis reads, not packed or compressed, so the bytes are not those of Redis; leaves out what the format of Redis 7.0 has no place for: deadlines of hash fields (a field past its own is left out), and what a group has still to deliver behind its position",
	"restore":             "pending entries and consumers of a stream's groups are this region's; versions up to that of Redis 7.0 are read",
	"spublish":            "reaches subscribers in this region only",
	"publish":             "reaches subscribers in all regions; the reply counts those here",
	"role":                "every region is a master",
	"shutdown":            "stops the node, if it hosts no other database; every stop leaves a checkpoint, and SAVE has it written before anything else; without it nothing is lost either; `shutdown-timeout` bounds the wait for clients to take their replies, not for replicas",
	"xsetid":              "not below an entry that was deleted, as in Redis 7.2",
	"wait":                "counts regions that have the writes on disk",
	"pubsub|channels":     "lists the channels of this region's clients",
	"pubsub|numsub":       "counts this region's clients",
	"slowlog|get":         "secrets are redacted",
	"incrbyfloat":         "adds exact decimals, and prints Redis's digits",
	"hgetall":             "fields come in the order of their insertion while they are at most 24 of 1 KiB together, and have never been more; otherwise in no order; in Redis up to 512 keep it",
	"hkeys":               "as HGETALL",
	"hvals":               "as HGETALL",
	"hscan":               "as HGETALL",
	"hincrbyfloat":        "adds exact decimals, and prints Redis's digits",
}

// compatibility writes docs/compatibility.md: every command of redis-server
// 7.0 and those of laterCommands by group, with what becomes of it here.
func compatibility(t *Table) string {
	groups := make(map[string][]string)
	works, total, later := 0, 0, 0
	for name, f := range loadFacts() {
		cmd := t.byFullName([]byte(name))
		if beyondRedis(name) && !laterCommands[name] || cmd != nil && cmd.subs != nil {
			continue
		}
		status := "not yet"
		switch {
		case laterCommands[name]:
			status, later = "works, as in Redis "+strings.TrimSuffix(f.Since, ".0"), later+1
		case cmd == nil:
		case strings.HasPrefix(cmd.Summary, refusedMark):
			status = "refused: " + strings.TrimSuffix(strings.TrimPrefix(cmd.Summary, refusedMark), ".")
		case differs[name] != "":
			status, works = "differs: "+differs[name], works+1
		default:
			status, works = "works", works+1
		}
		if !laterCommands[name] {
			total++
		}
		shown := strings.ToUpper(strings.ReplaceAll(name, "|", " "))
		groups[f.Group] = append(groups[f.Group], fmt.Sprintf("| %s | %s |\n", shown, status))
	}
	names := make([]string, 0, len(groups))
	for g := range groups {
		names = append(names, g)
	}
	sort.Strings(names)
	var b strings.Builder
	b.WriteString("# Compatibility\n\nEvery command of redis-server 7.0 and a few later ones, by group, and what becomes of it here while regions are in sync;\n" +
		"[consistency.md](consistency.md) says what concurrent commands mean. This page is made from the command table:\n" +
		"`go test ./command -run TestCompatibility -rewrite`. HELP names the subcommands that Redis names, in words of our own.\n" +
		"CRDT.EXPLAIN, CRDT.CONFLICTS, CRDT.TOKEN and CRDT.WAIT are crdb's own, and in [consistency.md](consistency.md).\n\n")
	fmt.Fprintf(&b, "%d of %d commands of 7.0 work, and %d later ones.\n", works, total, later)
	for _, g := range names {
		fmt.Fprintf(&b, "\n## %s\n\n| command | status |\n|---|---|\n", g)
		sort.Strings(groups[g])
		b.WriteString(strings.Join(groups[g], ""))
	}
	b.WriteString(protocolPage())
	b.WriteString(eventsPage)
	return b.String()
}

// laterCommands are those that redis-server 7.0 does not have.
var laterCommands = map[string]bool{
	"waitaof": true, "client|setinfo": true, "client|no-touch": true,
	"hexpire": true, "hpexpire": true, "hexpireat": true, "hpexpireat": true, "httl": true, "hpttl": true,
	"hexpiretime": true, "hpexpiretime": true, "hpersist": true,
}

// beyondRedis reports whether redis-server 7.0 has no such command.
func beyondRedis(name string) bool { return laterCommands[name] || strings.HasPrefix(name, "crdt.") }
