package oracle

import (
	"strconv"
	"testing"
)

// TestLongLists plays what random commands do not come to: inserts that aim
// between the two newest elements until positions run out of room, and commands
// that remove more elements than one operation names.
func TestLongLists(t *testing.T) {
	l := connect(t, servers(t))
	both := func(args ...string) {
		t.Helper()
		a, b, err := l.do(args...)
		if err != nil {
			t.Fatal(err)
		}
		if a.Wire() != b.Wire() {
			t.Fatalf("%.60q: redis %.100s, crdb %.100s", args, a.String(), b.String())
		}
	}
	both("DEL", "l")
	both("RPUSH", "l", "first", "-1", "last")
	for i := range 2000 {
		where := "BEFORE"
		if i%2 == 0 {
			where = "AFTER"
		}
		both("LINSERT", "l", where, strconv.Itoa(i-1), strconv.Itoa(i))
		if i%97 == 0 {
			both("LSET", "l", strconv.Itoa(1+i/2), strconv.Itoa(i))
			both("LREM", "l", "1", strconv.Itoa(i/2))
			both("LRANGE", "l", "0", "-1")
		}
	}
	both("LRANGE", "l", "0", "-1")
	push := []string{"RPUSH", "l"}
	for i := range 25_000 {
		push = append(push, strconv.Itoa(i%3))
	}
	for _, remove := range [][]string{
		{"LTRIM", "l", "20000", "-30"}, {"LTRIM", "l", "100", "120"}, {"LTRIM", "l", "-30", "-1"},
		{"LREM", "l", "0", "2"}, {"LREM", "l", "-17000", "1"}, {"LREM", "l", "17000", "0"},
		{"LPOP", "l", "20000"}, {"RPOP", "l", "20000"}, {"RPOP", "l", "90000"},
	} {
		both(push...)
		both(push...)
		both("LLEN", "l")
		both(remove...)
		both("LLEN", "l")
		both("LRANGE", "l", "0", "200")
		both("LRANGE", "l", "-200", "-1")
	}
}
