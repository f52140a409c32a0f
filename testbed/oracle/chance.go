package oracle

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// maxWalk bounds the steps of one walk with SCAN.
const maxWalk = 10_000

// sameWalk finishes the walks that began with the two replies and compares
// what they returned, each element once. Only walks from the start can be
// compared.
func (l *link) sameWalk(args []string, redis, crdb Reply) (bool, error) {
	at := 2
	if commandName(args) == "scan" {
		at = 1
	}
	if cursor := args[at]; cursor != "0" && cursor != "" {
		return true, nil
	}
	a, err := finishWalk(l.redis, args, at, redis)
	if err != nil {
		return false, err
	}
	b, err := finishWalk(l.crdb, args, at, crdb)
	if redis.Items[0].Body == "0" && crdb.Items[0].Body != "0" && isSmall(args, redis.Items[1].Items) {
		return false, err
	}
	return slices.Equal(a, b), err
}

// isSmall reports whether what a walk has found is all of a collection that Redis, and so
// crdb, returns whole: not where Redis has it in a table and all of it just came.
func isSmall(args []string, found []Reply) bool {
	if slices.ContainsFunc(args, func(a string) bool { return strings.EqualFold(a, "match") }) {
		return false
	}
	switch commandName(args) {
	case "sscan":
		return len(found) <= 512 && !slices.ContainsFunc(found, func(r Reply) bool { _, ok := integer(r.Body); return !ok })
	case "hscan", "zscan":
		return len(found) <= 2*128 && !slices.ContainsFunc(found, func(r Reply) bool { return len(r.Body) > 64 })
	}
	return false
}

// integer reads a text that Redis would keep as an integer.
func integer(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && strconv.FormatInt(n, 10) == s
}

// ascends reports whether the items are integers in order. As members of a set they are
// in order at crdb, then.
func ascends(items []Reply) bool {
	last := int64(math.MinInt64)
	for i, r := range items {
		n, ok := integer(r.Body)
		if !ok || i > 0 && n <= last {
			return false
		}
		last = n
	}
	return len(items) > 1 && len(items) <= 512
}

func finishWalk(c *client, args []string, at int, rep Reply) ([]string, error) {
	width := 1
	if name := commandName(args); name == "hscan" || name == "zscan" {
		width = 2
	}
	var found []string
	args = slices.Clone(args)
	for range maxWalk {
		found = append(found, rep.Items[1].bag(width)...)
		if commandName(args) == "zscan" {
			for i := range found {
				found[i] = plainZero(found[i])
			}
		}
		args[at] = rep.Items[0].Body
		if args[at] == "0" {
			slices.Sort(found)
			return slices.Compact(found), nil
		}
		next, err := c.do(args...)
		if err != nil {
			return nil, err
		}
		if len(next.Items) != 2 {
			return []string{"walk broken by " + next.String()}, nil
		}
		rep = next
	}
	return []string{"endless walk"}, nil
}

// samePick checks that crdb picked from what Redis picks from. Their replies
// have the same form already.
func (l *link) samePick(args []string, redis, crdb Reply) (bool, error) {
	picked := elements(crdb)
	if len(picked) == 0 {
		return true, nil
	}
	name := commandName(args)
	source := map[string][]string{
		"spop": {"SMEMBERS"}, "srandmember": {"SMEMBERS"}, "hrandfield": {"HKEYS"}, "zrandmember": {"ZRANGE"}, "randomkey": {"KEYS", "*"},
	}[name]
	if name != "randomkey" && len(args) > 1 {
		source = append(source, args[1])
	}
	if name == "hrandfield" && len(args) == 4 {
		source[0] = "HGETALL"
	}
	if name == "zrandmember" {
		source = append(source, "0", "-1")
		if len(args) == 4 {
			source = append(source, "WITHSCORES")
		}
	}
	all, err := l.redis.do(source...)
	if err != nil {
		return false, err
	}
	from := elements(all)
	if source[0] == "HGETALL" || source[len(source)-1] == "WITHSCORES" {
		picked, from = pairs(crdb), pairs(all)
	}
	if name == "zrandmember" {
		from = append(from, unsigned(from)...)
	}
	if name == "spop" {
		from = append(from, elements(redis)...)
	}
	for _, p := range picked {
		if !slices.Contains(from, p) {
			return false, nil
		}
	}
	if distinct := name != "randomkey" && (len(args) < 3 || args[2][0] != '-'); distinct {
		slices.Sort(picked)
		if len(slices.Compact(picked)) != len(picked) {
			return false, nil
		}
	}
	if name == "spop" {
		return true, l.resync(args[1], elements(redis), elements(crdb))
	}
	return true, nil
}

// unsigned takes the sign off scores of minus zero, see plainZero.
func unsigned(pairs []string) []string {
	out := slices.Clone(pairs)
	for i, p := range out {
		if member, ok := strings.CutSuffix(p, " "+quote("-0")); ok {
			out[i] = member + " " + quote("0")
		}
	}
	return out
}

// resync brings crdb's set to what Redis has after both popped members.
func (l *link) resync(key string, redis, crdb []string) error {
	slices.Sort(redis)
	slices.Sort(crdb)
	if slices.Equal(redis, crdb) {
		return nil
	}
	if _, err := l.crdb.do(append([]string{"SADD", key}, crdb...)...); err != nil {
		return err
	}
	_, err := l.crdb.do(append([]string{"SREM", key}, redis...)...)
	return err
}

// elements returns the strings of a reply, whether it is one or several.
func elements(r Reply) []string {
	if r.IsNull() {
		return nil
	}
	if r.Kind() == '$' {
		return []string{r.Body}
	}
	if r.Kind() == ',' {
		return []string{r.Head[1:]}
	}
	var out []string
	for _, it := range r.Items {
		out = append(out, elements(it)...)
	}
	return out
}

// pairs returns the strings of a reply two by two.
func pairs(r Reply) []string {
	flat := elements(r)
	var out []string
	for i := 0; i+1 < len(flat); i += 2 {
		out = append(out, quote(flat[i])+" "+quote(flat[i+1]))
	}
	return out
}
