package regions

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"crdb/testbed/oracle"
)

// place is a key in a logical database.
type place struct {
	db  int
	key string
}

// seen is what a region has of a key: the digest, and what it shows.
type seen struct{ digest, shows string }

// state is everything that a region has.
type state map[place]seen

// difference is a key that regions do not agree on.
type difference struct {
	at   place
	seen map[string]seen // by region
}

func (d difference) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "key %q of database %d:", d.at.key, d.at.db)
	for _, region := range slices.Sorted(maps.Keys(d.seen)) {
		s := d.seen[region]
		fmt.Fprintf(&b, "\n  %s: digest %s, shows %.600s", region, strings.TrimLeft(s.digest, "0"), s.shows)
	}
	return b.String()
}

// compare reads all regions and returns what the first has, and what differs.
func (g group) compare() (state, []difference, error) {
	states := map[string]state{}
	all := map[place]bool{}
	regions := slices.Sorted(maps.Keys(g))
	for _, region := range regions {
		s, err := read(g[region])
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", region, err)
		}
		states[region] = s
		for at := range s {
			all[at] = true
		}
	}
	var differ []difference
	for at := range all {
		d := difference{at, map[string]seen{}}
		same := true
		for _, region := range regions {
			d.seen[region] = states[region][at]
			same = same && d.seen[region] == d.seen[regions[0]]
		}
		if !same {
			differ = append(differ, d)
		}
	}
	slices.SortFunc(differ, func(x, y difference) int { return strings.Compare(x.String(), y.String()) })
	return states[regions[0]], differ, nil
}

// soonGone is how near a deadline may be before what the key shows is left out
// of the comparison: it shows by the clock. All nodes are killed, started and
// read again between two comparisons.
const soonGone = 15 * time.Second

// read reads everything that a region has.
func read(c *oracle.Conn) (state, error) {
	functions, err := showFunctions(c)
	if err != nil {
		return nil, err
	}
	s := state{}
	if functions != "" {
		s[functionsPlace] = seen{"", functions}
	}
	for db := range databases {
		if _, err := c.Do("SELECT", strconv.Itoa(db)); err != nil {
			return nil, err
		}
		rep, err := c.Do("DEBUG", "DIGEST-KEYS")
		if err != nil {
			return nil, err
		}
		if rep.IsError() {
			return nil, fmt.Errorf("DEBUG DIGEST-KEYS answers %s", rep)
		}
		for i := 0; i+1 < len(rep.Items); i += 2 {
			key := rep.Items[i].Body
			shows, err := show(c, key)
			if err != nil {
				return nil, err
			}
			s[place{db, key}] = seen{rep.Items[i+1].Body, shows}
		}
	}
	return s, nil
}

// functionsPlace stands for the libraries of functions, which are in no database.
var functionsPlace = place{-1, "functions"}

// showFunctions returns all libraries of a region with their code.
func showFunctions(c *oracle.Conn) (string, error) {
	rep, err := c.Do("FUNCTION", "LIST", "WITHCODE")
	if err != nil {
		return "", err
	}
	if rep.IsError() {
		return "", fmt.Errorf("FUNCTION LIST answers %s", rep)
	}
	list := make([]string, 0, len(rep.Items))
	for _, library := range rep.Items {
		list = append(list, library.String())
	}
	slices.Sort(list)
	return strings.Join(list, "\n"), nil
}

// show returns what clients see of a key, in a form that does not depend on
// the order of replies.
func show(c *oracle.Conn, key string) (string, error) {
	reps, err := c.Pipeline([][]string{{"PEXPIRETIME", key}, {"TYPE", key}})
	if err != nil {
		return "", err
	}
	at, _ := reps[0].Int()
	if at > 0 && time.Until(time.UnixMilli(at)) < soonGone {
		return "goes soon", nil
	}
	typ := strings.TrimPrefix(reps[1].Head, "+")
	if typ == "none" { // hidden: past its deadline, to be removed by whoever set it
		return "goes soon", nil
	}
	if typ == "hash" {
		if soon, err := losesFields(c, key); soon || err != nil {
			return "goes soon", err
		}
	}
	var out strings.Builder
	fmt.Fprintf(&out, "%s until %d", typ, at)
	for _, args := range readers[typ] {
		rep, err := c.Do(append([]string{args[0], key}, args[1:]...)...)
		if err != nil {
			return "", err
		}
		out.WriteString(" ")
		out.WriteString(tell(args[0], rep))
	}
	if typ == "stream" {
		text, err := showStream(c, key)
		out.WriteString(text)
		return out.String(), err
	}
	return out.String(), nil
}

// losesFields reports whether a field of a hash is near its deadline.
func losesFields(c *oracle.Conn, key string) (bool, error) {
	names, err := c.Do("HKEYS", key)
	if err != nil || len(names.Items) == 0 {
		return false, err
	}
	args := []string{"HPEXPIRETIME", key, "FIELDS", strconv.Itoa(len(names.Items))}
	for _, name := range names.Items {
		args = append(args, name.Body)
	}
	times, err := c.Do(args...)
	for _, it := range times.Items {
		if at, _ := it.Int(); at > 0 && time.Until(time.UnixMilli(at)) < soonGone {
			return true, err
		}
	}
	return false, err
}

// readers are the commands that show a key of a type; the key goes behind the
// name.
var readers = map[string][][]string{
	"string": {{"GET"}, {"STRLEN"}},
	"set":    {{"SMEMBERS"}, {"SCARD"}},
	"hash":   {{"HGETALL"}, {"HLEN"}},
	"zset":   {{"ZRANGE", "0", "-1", "WITHSCORES"}, {"ZCARD"}},
	"list":   {{"LRANGE", "0", "-1"}, {"LLEN"}},
	"stream": {{"XRANGE", "-", "+"}, {"XLEN"}},
}

// tell prints a reply; members of what has no order come sorted.
func tell(name string, rep oracle.Reply) string {
	width := map[string]int{"SMEMBERS": 1, "HGETALL": 2}[name]
	if width == 0 {
		return rep.String()
	}
	return strings.Join(rep.Bag(width), "")
}

// showStream adds what a stream is besides its entries, but for what is local.
func showStream(c *oracle.Conn, key string) (string, error) {
	reps, err := c.Pipeline([][]string{{"XINFO", "STREAM", key}, {"XINFO", "GROUPS", key}})
	if err != nil {
		return "", err
	}
	var out strings.Builder
	for i := 0; i+1 < len(reps[0].Items); i += 2 {
		switch name := reps[0].Items[i].Body; name {
		case "length", "last-generated-id", "max-deleted-entry-id", "entries-added", "recorded-first-entry-id", "groups":
			fmt.Fprintf(&out, " %s=%s", name, reps[0].Items[i+1])
		}
	}
	var groups []string
	for _, g := range reps[1].Items {
		groups = append(groups, g.Items[1].Body)
	}
	slices.Sort(groups)
	fmt.Fprintf(&out, " %q", groups)
	return out.String(), nil
}
