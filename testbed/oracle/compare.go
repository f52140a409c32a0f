package oracle

import (
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
)

// nearTolerance is how much two times to live may differ, in the unit of the
// command.
const (
	nearSeconds = 3
	nearMillis  = 3000
)

// ruleOf returns the rule for a command.
func ruleOf(args []string) rule {
	switch commandName(args) {
	case "smembers", "sunion", "sinter", "sdiff", "keys", "hkeys", "hvals":
		return unordered
	case "hgetall":
		return pairwise
	case "ttl", "pttl", "expiretime", "pexpiretime":
		return near
	case "scan", "sscan", "hscan":
		return walk
	case "spop", "srandmember", "hrandfield", "randomkey":
		return random
	case "dbsize":
		return lazily
	}
	return exact
}

func commandName(args []string) string { return strings.ToLower(args[0]) }

// same compares two replies by a rule that needs nothing but them. Errors are
// always compared byte for byte.
func same(r rule, args []string, a, b Reply) bool {
	if a.Wire() == b.Wire() {
		return true
	}
	if a.IsError() || b.IsError() || a.Kind() != b.Kind() {
		return false
	}
	switch r {
	case unordered:
		return a.Head == b.Head && slices.Equal(a.bag(1), b.bag(1))
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
	}
	return false
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
// if chance was at work, so that the two servers may no longer hold the same.
func sameExec(queued [][]string, a, b Reply) (ok, settled bool) {
	if a.Kind() != '*' || a.IsNull() || a.Head != b.Head || len(a.Items) != len(queued) {
		return a.Wire() == b.Wire(), true
	}
	settled = true
	for i, args := range queued {
		r := ruleOf(args)
		if !same(r, args, a.Items[i], b.Items[i]) {
			// A pop that takes everything may do so in any order.
			return false, true
		}
		if commandName(args) == "spop" && !slices.Equal(a.Items[i].bag(1), b.Items[i].bag(1)) {
			settled = false
		}
		if len(args) == 2 && commandName(args) == "spop" && a.Items[i].Wire() != b.Items[i].Wire() {
			settled = false
		}
	}
	return true, settled
}
