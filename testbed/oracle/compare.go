package oracle

import (
	"regexp"
	"slices"
	"strings"
)

// rule says how the replies of two servers to one command may differ.
type rule uint8

const (
	exact     rule = iota // not a byte
	unordered             // in the order of the items
	pairwise              // in the order of pairs of items
	near                  // by the time that passes while they answer
	shape                 // in the elements, not in their number and kind
	walk                  // SCAN: in each reply, but not in what a whole walk returns
	random                // picked by chance from the same things
	lazily                // DBSIZE: Redis counts expired keys until it meets them
	words                 // in the order of words within texts
	timely                // in numbers, by the time that passes
	treeless              // in the size of Redis's radix tree, and as timely
	own                   // in everything: the reply is about the server itself

	// About commands and the server: see about.go.
	superset   // in what crdb has more
	described  // in order, and in what crdb has more
	documented // in words of crdb's own
	keyed      // in all but the keys of a map
	helpful    // in all but the names of subcommands
	informed   // in all but the names of fields
)

// nearSeconds and nearMillis are how much two times to live may differ, in the unit
// of the command.
const (
	nearSeconds = 3
	nearMillis  = 3000
)

// ruleOf returns the rule for a command.
func ruleOf(args []string) rule {
	if r, ok := aboutRule(args); ok {
		return r
	}
	switch commandName(args) {
	case "smembers", "sunion", "sinter", "sdiff", "keys", "hkeys", "hvals":
		return unordered
	case "hgetall":
		return pairwise
	case "ttl", "pttl", "expiretime", "pexpiretime":
		return near
	case "scan", "sscan", "hscan", "zscan":
		return walk
	case "spop", "srandmember", "hrandfield", "zrandmember", "randomkey":
		return random
	case "dbsize":
		return lazily
	case "sort", "sort_ro":
		if len(args) > 2 && slices.ContainsFunc(args[2:], func(a string) bool { return strings.EqualFold(a, "by") }) {
			return shape // equal weights may come in any order
		}
		return unordered // a collation may take different texts for equal
	case "dump":
		return shape // RESTORE reads both: see TestMoveKeys
	case "object":
		if len(args) == 3 && strings.EqualFold(args[1], "refcount") {
			return shape // Redis shares small integers, depending on their history
		}
		if len(args) == 3 && strings.EqualFold(args[1], "idletime") {
			return shape // the small integers that Redis shares are idle since it started
		}
	case "acl":
		return aclRule(args)
	case "xpending":
		if len(args) > 3 {
			return timely
		}
	case "xinfo":
		return treeless
	case "hello", "time", "slowlog":
		return own
	case "function":
		if len(args) > 1 && strings.EqualFold(args[1], "list") {
			return shape // functions of a library come in no order
		}
	case "pubsub":
		if len(args) > 1 && strings.HasSuffix(strings.ToLower(args[1]), "channels") {
			return unordered
		}
	case "memory":
		return shape
	case "client":
		if len(args) == 2 && strings.EqualFold(args[1], "id") {
			return own
		}
	}
	return exact
}

func commandName(args []string) string { return strings.ToLower(args[0]) }

// same compares two replies by a rule that needs nothing but them. Errors are
// always compared byte for byte.
func same(r rule, args []string, a, b Reply) bool {
	if a.Wire() == b.Wire() || maskCounts(a.Wire()) == maskCounts(b.Wire()) || commandName(args)[0] == 'z' && plainZero(a.Wire()) == plainZero(b.Wire()) {
		return true
	}
	if a.IsError() && runsScript(args) {
		return nameless(a.Wire()) == b.Wire()
	}
	if a.IsError() || b.IsError() || a.Kind() != b.Kind() {
		return false
	}
	switch r {
	case own:
		return true
	case words:
		return sameWords(a, b)
	case unordered:
		return a.Head == b.Head && slices.Equal(a.bag(1), b.bag(1)) && !(commandName(args)[0] == 's' && ascends(a.Items))
	case pairwise:
		return a.Head == b.Head && slices.Equal(a.bag(2), b.bag(2))
	case near:
		return sameTime(commandName(args), a, b)
	case shape, random:
		return a.IsNull() == b.IsNull() && len(a.Items) == len(b.Items)
	case walk:
		return len(a.Items) == 2 && len(b.Items) == 2 && a.Items[1].Kind() == b.Items[1].Kind()
	case lazily:
		return true
	case timely:
		return sameTimely(a, b)
	case treeless:
		return sameTimely(a.treeless(), b.treeless())
	}
	return sameAbout(r, a, b)
}

// plainZero takes the sign off scores of minus zero: Redis keeps it or not,
// depending on how it stores a sorted set.
func plainZero(wire string) string {
	wire = strings.ReplaceAll(wire, "$2\r\n-0\r\n", "$1\r\n0\r\n")
	return strings.ReplaceAll(wire, ",-0\r\n", ",0\r\n")
}

func runsScript(args []string) bool {
	return strings.HasPrefix(commandName(args), "eval") || strings.HasPrefix(commandName(args), "fcall")
}

var luaVariable = regexp.MustCompile(`attempt to ([a-z ]+) (?:global|local|method|field|upvalue) '[^']*' \((a \w+ value)\)`)

// nameless takes the names of variables out of an error of Lua: crdb's has none in
// coroutines, and of variables whose place in the code gopher-lua does not tell.
func nameless(wire string) string { return luaVariable.ReplaceAllString(wire, "attempt to $1 $2") }

// maskCounts blanks the count that a HyperLogLog's string carries: Redis writes
// it when PFCOUNT reads; ours is always marked as stale.
func maskCounts(wire string) string {
	b := []byte(wire)
	for i := 0; i+16 <= len(b); i++ {
		if string(b[i:i+4]) == "HYLL" {
			clear(b[i+8 : i+16])
		}
	}
	return string(b)
}

// sameTimely compares nested replies; numbers beyond nearMillis are times, or
// both are near each other.
func sameTimely(a, b Reply) bool {
	x, ok := a.Int()
	if y, ok2 := b.Int(); ok && ok2 {
		return x == y || x-y <= nearMillis && y-x <= nearMillis
	}
	return a.Head == b.Head && a.Body == b.Body && slices.EqualFunc(a.Items, b.Items, sameTimely)
}

// treeless is XINFO STREAM's reply without the two numbers about the tree.
func (r *Reply) treeless() Reply {
	out := *r
	if len(r.Items) > 6 && r.Items[2].Body == "radix-tree-keys" {
		out.Items = append(slices.Clone(r.Items[:2]), r.Items[6:]...)
	}
	return out
}

func sameTime(name string, a, b Reply) bool {
	x, ok := a.Int()
	y, ok2 := b.Int()
	if !ok || !ok2 || x < 0 || y < 0 {
		return false
	}
	tolerance := int64(nearSeconds)
	if name[0] == 'p' {
		tolerance = nearMillis
	}
	return x-y <= tolerance && y-x <= tolerance
}

// sameExec compares the replies of EXEC command by command. settled is false
// if chance was at work: from there on the two servers need not agree.
func sameExec(queued [][]string, a, b Reply) (ok, settled bool) {
	if a.Kind() != '*' || a.IsNull() || a.Head != b.Head || len(a.Items) != len(queued) {
		return a.Wire() == b.Wire(), true
	}
	for i, args := range queued {
		x, y := a.Items[i], b.Items[i]
		if !same(ruleOf(args), args, x, y) {
			return false, true
		}
		if commandName(args) == "spop" && !samePop(x, y) {
			return true, false
		}
	}
	return true, true
}

// samePop says whether the two replies to SPOP took the same members.
func samePop(a, b Reply) bool {
	if len(a.Items) > 0 {
		return slices.Equal(a.bag(1), b.bag(1))
	}
	return a.Wire() == b.Wire()
}
