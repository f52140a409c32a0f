package regions

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"crdb/testbed/oracle"
)

// furtherForms are what a single server cannot be compared on, but what
// regions must agree on: real deadlines, IDs made by the server, scripts.
var furtherForms = []string{
	"SELECT (0|0|1|15)",
	"PEXPIRE <any> (1|20|50|200|3000)",
	"PEXPIRE <any> (5000|60000) (NX|XX|GT|LT)",
	"PEXPIRE (g1|g2|p1|p2|x1) (1|30|5000)",
	"SET <str> <val> PX (5|50|1000|60000)",
	"SET <str> <val> (KEEPTTL|GET)",
	"GETEX <str> (PERSIST|PX 40)",
	"PERSIST <any>",
	"XADD <stream> * a <val>",
	"XADD <stream> MAXLEN 5 * a <val> b <val>",
	"XADD <stream> <ms> a <val>",
	"XGROUP CREATE <stream> <group> $ MKSTREAM",
	"XREADGROUP GROUP <group> <consumer> COUNT 3 STREAMS <stream> >",
	"BLPOP <list> <list> 0.01",
	"BLMOVE <list> <list> LEFT RIGHT 0.01",
	"BZPOPMIN <zset> 0.01",
	"EVAL <script> 2 <any> <any> <val>",
	"EVAL <script> 2 <str> <list> <member>",
	"EVAL <rows> 2 <stream> <list> <val>",
	"EVAL <edits> 1 <str> <val>",
	"SETRANGE <str> (600|900) <val>",
	"SETBIT <str> (77|5000) (0|1)",
	"LTRIM <list> (0|3|20) (5|15|-1)",
	"LPOP <list> (8|12|30)",
	"XTRIM <stream> MAXLEN (0|3|10)",
	"EVAL <counting> 2 <str> <hash> <member>",
	"FUNCTION LOAD REPLACE <library>",
	"FUNCTION LOAD <library>",
	"FUNCTION DELETE (one|two)",
	"FCALL (store|count) 2 <str> <list> <val>",
	"FCALL (store|count) 2 <any> <any> <member>",
	"INCRBY (n1|n2) (1|2|-3)",
	"INCRBYFLOAT (n1|n2) (0.1|-2.5|1e3)",
	"HINCRBY h1 (a|b) (1|-2|5)",
	"HINCRBYFLOAT h1 (a|b) (0.25|-1)",
	"ZINCRBY z1 (1|0.1|-3) (a|b|c)",
	"LINSERT l1 (BEFORE|AFTER) (x|1) <val>",
	"LPUSH l1 x 1 x",
	"COPY <any> <any> DB (0|1|15) REPLACE",
	"MOVE <any> (0|1)",
	"RESTORE <any> (0|40|5000) <dump> REPLACE",
	"HPEXPIRE <hash> (1|50|5000) FIELDS 2 <member> <member>",
	"HPERSIST <hash> FIELDS 1 <member>",
	"HSETEX <hash> PX 60 FIELDS 1 <member> <val>",
	"DEL <any> <any>",
	"PFADD p1 <member> <member>",
	"PFMERGE p1 p2 p3",
}

// rareForms remove everything.
var rareForms = []string{"FLUSHDB", "FLUSHALL", "FUNCTION FLUSH"}

var scripts = []string{
	"redis.call('SET', KEYS[1], ARGV[1]) redis.call('RPUSH', KEYS[2], ARGV[1]) return 1",
	"redis.call('DEL', KEYS[1]) return redis.call('RENAME', KEYS[2], KEYS[1])",
	"if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('DEL', KEYS[1], KEYS[2]) else redis.call('SADD', KEYS[1], ARGV[1]) end",
}

var countings = []string{
	"redis.call('INCR', KEYS[1]) return redis.call('HINCRBY', KEYS[2], ARGV[1], 7)",
	"redis.pcall('INCRBYFLOAT', KEYS[1], '0.5') redis.pcall('HINCRBYFLOAT', KEYS[2], ARGV[1], '1.5') redis.pcall('PEXPIRE', KEYS[1], 30)",
}

// rows fill a stream and a list, for rows of elements to be cut out of them.
var rows = []string{
	"for i = 1, 12 do redis.call('XADD', KEYS[1], '*', 'a', ARGV[1]) redis.call('RPUSH', KEYS[2], ARGV[1] .. i) end",
	"for i = 1, 20 do redis.call('LPUSH', KEYS[2], i) end return redis.call('LTRIM', KEYS[2], 2, 12)",
}

// edits change a long string in place, several times in one block.
var edits = []string{
	"for i = 1, 5 do redis.pcall('SETRANGE', KEYS[1], 500 + i * 3, ARGV[1]) redis.pcall('APPEND', KEYS[1], ARGV[1]) end",
	"for i = 1, 9 do redis.pcall('SETBIT', KEYS[1], 4000 + i * 70, i % 2) end return redis.pcall('BITFIELD', KEYS[1], 'SET', 'u8', 3, 77, 'INCRBY', 'u16', 900, 5)",
}

// libraries come in versions that do different things under the same names, and
// one takes a name from the other.
var libraries = []string{
	library("one", "store", "redis.call('SET', keys[1], args[1]) return redis.call('RPUSH', keys[2], args[1])"),
	library("one", "store", "redis.call('DEL', keys[1]) return redis.call('SADD', keys[1], args[1], 'x')"),
	library("one", "count", "return redis.call('INCR', keys[1])"),
	library("two", "count", "redis.pcall('INCRBY', keys[1], 3) return redis.call('HINCRBY', keys[2], args[1], 1)"),
	library("two", "count", "return redis.call('PFADD', keys[1], args[1])"),
}

func library(name, function, body string) string {
	return "#!lua name=" + name + "\nredis.register_function('" + function + "', function(keys, args) " + body + " end)"
}

func newCommands(seed uint64) *oracle.Commands {
	return oracle.NewCommands(seed, 4, furtherForms, map[string]oracle.Word{
		"library":  func(r *rand.Rand) []string { return []string{libraries[r.IntN(len(libraries))]} },
		"script":   func(r *rand.Rand) []string { return []string{scripts[r.IntN(len(scripts))]} },
		"edits":    func(r *rand.Rand) []string { return []string{edits[r.IntN(len(edits))]} },
		"rows":     func(r *rand.Rand) []string { return []string{rows[r.IntN(len(rows))]} },
		"counting": func(r *rand.Rand) []string { return []string{countings[r.IntN(len(countings))]} },
	})
}

// next makes the next commands of a connection: one, or a transaction.
func next(cmds *oracle.Commands) [][]string {
	r := cmds.Rand()
	switch r.IntN(120) {
	case 0, 1, 2:
		block := [][]string{{"MULTI"}}
		for range 1 + r.IntN(5) {
			block = append(block, cmds.Next())
		}
		return append(block, []string{"EXEC"})
	case 3:
		if r.IntN(4) == 0 {
			return [][]string{strings.Fields(rareForms[r.IntN(len(rareForms))])}
		}
	}
	return [][]string{cmds.Next()}
}

// newSchedule makes a schedule of about n steps: bursts of commands that do not
// see what other regions do, with something else in between.
func newSchedule(seed uint64, n int) schedule {
	cmds := newCommands(seed)
	r := cmds.Rand()
	var s schedule
	for len(s) < n {
		for range 3 + r.IntN(25) {
			region := r.IntN(len(names))
			for _, args := range next(cmds) {
				s = append(s, step{verb: "command", at: []string{names[region]}, args: args})
				if r.IntN(3) == 0 {
					other := names[(region+1+r.IntN(2))%len(names)]
					s = append(s, step{verb: "command", at: []string{other}, args: alike(r, args)})
				}
			}
		}
		s = append(s, between(r))
	}
	return s
}

// alike is a command again, perhaps with another last argument: what two
// regions do to the same thing must meet somewhere.
func alike(r *rand.Rand, args []string) []string {
	args = slices.Clone(args)
	if last := len(args) - 1; last > 1 && r.IntN(2) == 0 {
		args[last] = []string{"1", "2", "x", "hello", "a"}[r.IntN(5)]
	}
	return args
}

func between(r *rand.Rand) step {
	order := r.Perm(len(names))
	a, b := names[order[0]], names[order[1]]
	switch p := r.IntN(100); {
	case p < 20:
		return step{verb: "sync", at: []string{a, b}}
	case p < 40:
		return step{verb: "push", at: []string{a, b}}
	case p < 50:
		return step{verb: "sleep", args: []string{strconv.Itoa(1+r.IntN(60)) + "ms"}}
	case p < 53:
		return step{verb: "kill", at: []string{a}}
	}
	return step{verb: "agree"}
}
