package command

import (
	"strconv"
	"testing"
)

// Many sets in one command, or one set many times, cost what their members do, not the
// product of both.
func TestAlgebraOfManySets(t *testing.T) {
	w := newWorld(t)
	a := w.dial("a")
	const sets, members = 500, 50
	large, many, same := []string{"SADD", "large"}, []string{}, []string{}
	for i := range sets {
		key := "s" + strconv.Itoa(i)
		many, same = append(many, key), append(same, "large")
		add := []string{"SADD", key}
		for j := range members {
			add = append(add, strconv.Itoa(i*members/2+j))
			large = append(large, strconv.Itoa(i*members+j))
		}
		a.do(add...)
	}
	a.do(large...)
	for _, x := range []struct {
		name  string
		keys  []string
		card  int
		least int
	}{
		{"SUNIONSTORE", many, (sets + 1) * members / 2, sets},
		{"SUNIONSTORE", same, sets * members, 1},
		{"SINTERSTORE", same, sets * members, 1},
		{"SDIFFSTORE", append([]string{"large"}, many...), sets*members - (sets+1)*members/2, sets},
		{"SDIFFSTORE", append([]string{"s0"}, same...), 0, 2},
		{"SDIFFSTORE", append([]string{"s0", "s2"}, same[:2]...), 0, 3},
		{"SDIFFSTORE", []string{"s0", "s1", "s1", "s3"}, members / 2, 3},
		{"SINTERSTORE", []string{"s0", "s1", "s0"}, members / 2, 2},
		{"SUNIONSTORE", []string{"s0", "s1", "s0", "s4"}, 5 * members / 2, 3},
	} {
		before := w.looked.Load()
		if got := a.do(append([]string{x.name, "dst"}, x.keys...)...); got != ":"+strconv.Itoa(x.card)+"\r\n" {
			t.Errorf("%s of %d sets is %q, not %d", x.name, len(x.keys), got, x.card)
		}
		if n := int(w.looked.Load() - before); n < x.least || n > 10*len(x.keys)+3*members {
			t.Errorf("%s of %d sets looks %d times for a key", x.name, len(x.keys), n)
		}
	}
}
