package command

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestStringsStayInPlace: these commands neither copy a string that has been changed in
// place before nor keep anything of it, so that the next one changes the same bytes.
func TestStringsStayInPlace(t *testing.T) {
	w := newWorld(t)
	c := w.dial("c")
	place := func() (first *byte) {
		tx := w.srv.engine.NewTx()
		tx.LockKey(w.wall.Load(), []byte("k"))
		defer tx.Unlock()
		val, _, err := tx.Peek([]byte("k"))
		if err != nil || !tx.Editable() {
			t.Error("not to be changed in place", err)
			return nil
		}
		return &val[0]
	}
	c.do("SET", "k", strings.Repeat("x", 10_000))
	c.do("SETRANGE", "k", "7", "y")
	before := place()
	for _, command := range []string{
		"SETRANGE k 9990 0123456789", "SETBIT k 77777 1", "SETBIT k 77777 0", "GETBIT k 5", "GET k", "MGET k nosuch k", "GETRANGE k 0 -1",
		"STRLEN k", "BITCOUNT k", "BITPOS k 1", "BITFIELD k GET u8 #5", "BITFIELD_RO k GET i64 8", "BITFIELD k SET u8 #9999 200",
		"BITFIELD k GET u16 #3 INCRBY i5 7 3 SET u63 70000 -1 OVERFLOW FAIL INCRBY u2 0 9", "BITFIELD k OVERFLOW FAIL INCRBY u2 0 9",
		"GETEX k", "EVAL redis.call('BITFIELD',KEYS[1],'INCRBY','u8','#1','1');return\tredis.call('GET',KEYS[1]) 1 k",
	} {
		if reply := c.do(strings.Split(command, " ")...); strings.HasPrefix(reply, "-") {
			t.Errorf("%s: %s", command, reply)
		}
		if place() != before {
			t.Errorf("%s: the string is at another place", command)
		}
	}
}

// TestEditsAreWhatTheyWrite: commands that change a string in place reply and leave what
// they do where the string is a new one each time, here and in another region.
func TestEditsAreWhatTheyWrite(t *testing.T) {
	for seed := range uint64(4) {
		rnd := rand.New(rand.NewPCG(seed, 3))
		here, there, plain := newWorld(t), newWorldOf(t, 2), newWorld(t)
		c, other, p := here.dial("c"), there.dial("c"), plain.dial("c")
		value := strings.Repeat("some", 300)
		c.do("SET", "k", value)
		p.do("SET", "k", value)
		for range 600 {
			command := randomEdit(rnd)
			if rnd.IntN(200) == 0 {
				command = []string{"SET", "k", value}
			}
			if got, want := c.do(command...), p.do(command...); got != want {
				t.Fatalf("seed %d, %v: %q, want %q", seed, command, got, want)
			}
			p.do("BITOP", "NOT", "inverse", "k") // so that the string is somebody's
			if rnd.IntN(20) > 0 {
				continue
			}
			there.pull(here)
			if got, again, want := c.do("GET", "k"), other.do("GET", "k"), p.do("GET", "k"); got != want || again != want {
				t.Fatalf("seed %d, %v: the string is another one, or elsewhere", seed, command)
			}
		}
	}
}

// randomEdit returns a command that changes a string, or looks at it.
func randomEdit(rnd *rand.Rand) []string {
	at := fmt.Sprint(rnd.IntN(1300))
	switch rnd.IntN(7) {
	case 0:
		return []string{"SETRANGE", "k", at, strings.Repeat("r", 1+rnd.IntN(9))}
	case 1:
		return []string{"APPEND", "k", strings.Repeat("a", rnd.IntN(5))}
	case 2:
		return []string{"SETBIT", "k", fmt.Sprint(rnd.IntN(10_500)), fmt.Sprint(rnd.IntN(2))}
	case 3:
		return []string{"BITCOUNT", "k", at, "-1"}
	}
	command := []string{"BITFIELD", "k"}
	for range 1 + rnd.IntN(4) {
		if rnd.IntN(3) == 0 {
			command = append(command, "OVERFLOW", []string{"WRAP", "SAT", "FAIL"}[rnd.IntN(3)])
		}
		width, place := fmt.Sprint([]string{"u", "i"}[rnd.IntN(2)], 1+rnd.IntN(63)), fmt.Sprint(rnd.IntN(10_300))
		switch rnd.IntN(3) {
		case 0:
			command = append(command, "GET", width, place)
		case 1:
			command = append(command, "SET", width, place, fmt.Sprint(rnd.Int64()>>rnd.IntN(64)))
		default:
			command = append(command, "INCRBY", width, place, fmt.Sprint(rnd.Int64()>>rnd.IntN(64)-1))
		}
	}
	return command
}
