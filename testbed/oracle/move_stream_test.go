package oracle

import (
	"fmt"
	"strings"
	"testing"
)

// TestMoveStreams moves streams with their groups both ways, and compares what
// they show on the other side. Redis checks all of a payload for this.
func TestMoveStreams(t *testing.T) {
	pair := servers(t)
	var sides [2]*client
	for i, addr := range []string{pair.Redis, pair.Crdb} {
		c, err := dial([]string{"redis", "crdb"}[i], addr, 2)
		if err != nil {
			t.Fatal(err)
		}
		defer c.close()
		sides[i] = c
	}
	ask := func(c *client, args ...string) Reply {
		t.Helper()
		r, err := c.do(args...)
		if err != nil || r.IsError() {
			t.Fatalf("%s: %.60q: %.100s %v", c.name, args, r.String(), err)
		}
		return r
	}
	ask(sides[0], "CONFIG", "SET", "sanitize-dump-payload", "yes")
	defer ask(sides[0], "CONFIG", "SET", "sanitize-dump-payload", "no")
	for name, writes := range movableStreams() {
		for way := range 2 {
			from, to := sides[way], sides[1-way]
			for _, c := range sides {
				ask(c, "DEL", "k")
			}
			for _, w := range writes {
				ask(from, w...)
			}
			dump := ask(from, "DUMP", "k")
			ask(to, "RESTORE", "k", "0", dump.Body)
			a, b := streamFacts(ask, from), streamFacts(ask, to)
			if a != b {
				t.Errorf("%s from %s:\n%.2000s\nthere\n%.2000s", name, from.name, a, b)
			}
			x, errX := from.do("XADD", "k", "*", "goes", "on")
			y, errY := to.do("XADD", "k", "*", "goes", "on")
			if errX != nil || errY != nil || x.IsError() != y.IsError() {
				t.Errorf("%s from %s goes on with %s, there with %s", name, from.name, x.String(), y.String())
			}
		}
	}
}

// streamFacts is what a stream and its groups show, times apart.
func streamFacts(ask func(c *client, args ...string) Reply, c *client) string {
	var b strings.Builder
	say := func(args ...string) Reply {
		r := ask(c, args...)
		fmt.Fprintln(&b, r.String())
		return r
	}
	say("XRANGE", "k", "-", "+")
	say("XREVRANGE", "k", "+", "-", "COUNT", "3")
	info := ask(c, "XINFO", "STREAM", "k")
	for i := 0; i+1 < len(info.Items); i += 2 {
		if f := info.Items[i].Body; !strings.HasPrefix(f, "radix-tree") && f != "recorded-first-entry-id" {
			fmt.Fprintln(&b, f, info.Items[i+1].String())
		}
	}
	groups := say("XINFO", "GROUPS", "k")
	for _, g := range groups.Items {
		name := g.Items[1].Body
		say("XPENDING", "k", name)
		for _, p := range ask(c, "XPENDING", "k", name, "-", "+", "1000").Items {
			fmt.Fprintln(&b, p.Items[0].String(), p.Items[1].String(), p.Items[3].String())
		}
		for _, x := range ask(c, "XINFO", "CONSUMERS", "k", name).Items {
			fmt.Fprintln(&b, x.Items[1].String(), x.Items[3].String())
		}
	}
	return b.String()
}

// movableStreams lists writes that make streams of many forms.
func movableStreams() map[string][][]string {
	add := func(id string, pairs ...string) []string { return append([]string{"XADD", "k", id}, pairs...) }
	small := [][]string{add("5-1", "a", "1", "b", "two"), add("5-2", "a", "2", "b", ""), add("7-0", "c", "-70000")}
	group := [][]string{
		{"XGROUP", "CREATE", "k", "g", "0"}, {"XGROUP", "CREATE", "k", "", "5-2", "ENTRIESREAD", "2"}, {"XGROUP", "CREATECONSUMER", "k", "g", "idle"},
		{"XREADGROUP", "GROUP", "g", "alice", "COUNT", "2", "STREAMS", "k", ">"}, {"XREADGROUP", "GROUP", "g", "bob", "STREAMS", "k", ">"},
		{"XREADGROUP", "GROUP", "", "", "STREAMS", "k", ">"}, {"XACK", "k", "g", "5-2"}, {"XCLAIM", "k", "g", "bob", "0", "5-1", "RETRYCOUNT", "300"},
	}
	join := func(lists ...[][]string) (out [][]string) {
		for _, l := range lists {
			out = append(out, l...)
		}
		return out
	}
	out := map[string][][]string{
		"small":           small,
		"groups":          join(small, group),
		"deleted pending": join(small, group, [][]string{{"XDEL", "k", "5-1", "7-0"}}),
		"emptied":         join(small, group, [][]string{{"XTRIM", "k", "MAXLEN", "0"}}),
		"never filled":    {{"XGROUP", "CREATE", "k", "g", "$", "MKSTREAM"}},
		"XSETID":          join(small, [][]string{{"XSETID", "k", "99-9", "ENTRIESADDED", "50", "MAXDELETEDID", "8-8"}}),
		"largest ID":      {add("18446744073709551615-18446744073709551615", "a", "b")},
	}
	var many, odd [][]string
	for i := range 1000 {
		many = append(many, add(fmt.Sprintf("%d-%d", 1700000000000+i/7, i), "n", fmt.Sprint(i*i*i-5000), "text", strings.Repeat("y", i%90)))
		if i%3 == 0 {
			many = append(many, []string{"XDEL", "k", fmt.Sprintf("%d-%d", 1700000000000+i/7, i)})
		}
	}
	for i, n := range []int{0, 63, 64, 122, 123, 4095, 4096, 16377, 16378, 16379, 70_000} {
		odd = append(odd, add(fmt.Sprintf("%d-0", i+1), strings.Repeat("f", n), strings.Repeat("v", n), "x", fmt.Sprint(n)))
	}
	out["many"] = join(many, group)
	out["odd lengths"] = odd
	return out
}
