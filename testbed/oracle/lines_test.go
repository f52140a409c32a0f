package oracle

import (
	"strings"
	"testing"
	"time"

	"crdb/command"
)

// compareLines plays a file of commands, one after the other, and reports every
// one that is answered differently, unlike a stream, which ends at the first.
func compareLines(t *testing.T, pair Pair, file string) {
	t.Helper()
	s := readStream(t, file)
	for _, pair.Proto = range []int{2, 3} {
		l := connect(t, pair)
		for i, st := range s.Steps {
			a, b, err := l.do(st.Args...)
			if err != nil {
				t.Fatalf("%s, RESP%d: %s: %v", file, pair.Proto, st, err)
			}
			if !sameLine(st.Args, a, b) {
				t.Errorf("%s, RESP%d:\n%s", file, pair.Proto,
					&Difference{Step: i, Args: st.Args, Redis: a.String(), Crdb: b.String()})
			}
		}
	}
}

// sameLine is same, but exact in what random streams leave open: the encodings
// of values and the keys that INFO counts.
func sameLine(args []string, a, b Reply) bool {
	switch name := commandName(args); {
	case name == "object" && len(args) == 3 && strings.EqualFold(args[1], "encoding"):
		return a.Wire() == b.Wire()
	case name == "info":
		return sameKeyspace(a.Body, b.Body)
	}
	return same(ruleOf(args), args, a, b)
}

func TestObjects(t *testing.T) {
	compareLines(t, servers(t), "testdata/lines/objects.txt")
}

func TestFunctions(t *testing.T) {
	compareLines(t, servers(t), "testdata/lines/functions.txt")
}

// TestFunctionPayloads: libraries move between the servers by FUNCTION DUMP and
// RESTORE, both ways, and what does not fit is refused alike.
func TestFunctionPayloads(t *testing.T) {
	l := connect(t, servers(t))
	do := func(c *client, args ...string) Reply {
		t.Helper()
		rep, err := c.do(args...)
		if err != nil {
			t.Fatal(err)
		}
		return rep
	}
	lib := func(name, fn, value string) string {
		return "#!lua name=" + name + "\nredis.register_function('" + fn + "', function() return '" + value + "' end)"
	}
	for _, way := range [][2]*client{{l.redis, l.crdb}, {l.crdb, l.redis}} {
		from, to := way[0], way[1]
		for _, c := range way {
			do(c, "FUNCTION", "FLUSH")
		}
		do(from, "FUNCTION", "LOAD", lib("first", "one", strings.Repeat("long ", 100)))
		do(from, "FUNCTION", "LOAD", lib("second", "two", "2"))
		payload := do(from, "FUNCTION", "DUMP").Body
		if rep := do(to, "FUNCTION", "RESTORE", payload); rep.Head != "+OK" {
			t.Fatalf("%s to %s: %s", from.name, to.name, rep)
		}
		for _, fn := range []string{"one", "two"} {
			if a, b := do(from, "FCALL", fn, "0"), do(to, "FCALL", fn, "0"); a.Wire() != b.Wire() || a.IsError() {
				t.Errorf("%s to %s: FCALL %s: %s, %s", from.name, to.name, fn, a, b)
			}
		}
		// What is in the way, and the three policies, at both.
		for _, line := range [][]string{
			{"FUNCTION", "RESTORE", payload, "REPLACE"},
			{"FUNCTION", "RESTORE", payload, "FLUSH"},
			{"FUNCTION", "DELETE", "first"},
			{"FUNCTION", "LOAD", lib("third", "ONE", "3")},
			{"FUNCTION", "RESTORE", payload, "REPLACE"},
			{"FUNCTION", "DELETE", "second"},
			{"FUNCTION", "RESTORE", payload},
			{"FCALL", "two", "0"},
			{"FCALL", "one", "0"},
			{"FUNCTION", "RESTORE", payload[:len(payload)-1] + "x"},
			{"FUNCTION", "RESTORE", do(l.crdb, "DUMP", "nosuch").Body},
			{"FUNCTION", "RESTORE", payload, "FLUSH"},
			{"FUNCTION", "STATS"},
			{"FCALL", "one", "0"},
		} {
			if a, b := do(l.redis, line...), do(l.crdb, line...); a.Wire() != b.Wire() {
				t.Errorf("%q:\n l.redis: %s\n l.crdb:  %s", line, a, b)
			}
		}
		for _, c := range way {
			do(c, "SET", "k", "v")
		}
		value := do(l.redis, "DUMP", "k").Body
		if a, b := do(l.redis, "FUNCTION", "RESTORE", value), do(l.crdb, "FUNCTION", "RESTORE", value); a.Wire() != b.Wire() {
			t.Errorf("a value:\n l.redis: %s\n l.crdb:  %s", a, b)
		}
	}
}

func TestScripts(t *testing.T) {
	compareLines(t, servers(t), "testdata/lines/scripts.txt")
}

func TestDebug(t *testing.T) {
	redis, stop, err := StartRedis(t.TempDir(), "--enable-debug-command", "yes")
	mayLack(t, err)
	defer stop()
	crdb := startNodeWith(t, func() int64 { return time.Now().UnixMilli() }, nil, func(o *command.Options) {
		o.Config = command.NewConfig()
		if err := o.Config.Set("enable-debug-command", "yes"); err != nil {
			t.Fatal(err)
		}
	})
	compareLines(t, Pair{Redis: redis, Crdb: crdb}, "testdata/lines/debug.txt")
}
