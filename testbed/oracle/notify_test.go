package oracle

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNotifications runs the commands of testdata/notify on both servers with
// all keyspace notifications on, and compares what a subscriber hears, command
// by command and in order.
func TestNotifications(t *testing.T) {
	pair := servers(t)
	pair.Proto = 2
	files, err := filepath.Glob("testdata/notify/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("nothing to run", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		s, err := parseStream(string(text))
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		redis := heard(t, "redis", pair.Redis, s)
		crdb := heard(t, "crdb", pair.Crdb, s)
		for i, st := range s.Steps {
			if redis[i] != crdb[i] {
				t.Errorf("%s, command %d: %s\n redis: %s\n crdb:  %s", file, i+1, st, redis[i], crdb[i])
			}
		}
	}
}

// heard runs the steps at one server and returns what a subscriber hears of
// each, as event and key.
func heard(t *testing.T, name, addr string, s Stream) []string {
	t.Helper()
	links := [4]*client{} // two of the stream, who listens, who says when all is heard
	for i := range links {
		c, err := dial(name, addr, 2)
		if err != nil {
			t.Fatal(err)
		}
		defer c.close()
		links[i] = c
	}
	do := func(c *client, args ...string) Reply {
		rep, err := c.do(args...)
		if err != nil {
			t.Fatalf("%s: %s: %v", name, args, err)
		}
		return rep
	}
	listener := links[2]
	do(links[0], "FLUSHALL")
	do(links[0], "CONFIG", "SET", "notify-keyspace-events", "AKEmn")
	defer do(links[0], "CONFIG", "SET", "notify-keyspace-events", "")
	do(listener, "PSUBSCRIBE", "*")
	var out []string
	for _, st := range s.Steps {
		rep := do(links[st.Conn], st.Args...)
		if rep.IsError() {
			out = append(out, rep.String()+" ")
		} else {
			out = append(out, "")
		}
		do(links[3], "PUBLISH", "end", "end")
		out[len(out)-1] += hear(t, listener)
	}
	return out
}

// hear collects messages up to the end marker. Each event comes twice, by key
// and by event; the two are told apart.
func hear(t *testing.T, c *client) string {
	t.Helper()
	var list []string
	for {
		m, err := c.read()
		if err != nil {
			t.Fatal(err)
		}
		channel, payload := m.Items[2].Body, m.Items[3].Body
		if channel == "end" {
			return strings.Join(list, ", ")
		}
		list = append(list, fmt.Sprintf("%s %s", strings.TrimPrefix(channel, "__key"), payload))
	}
}

// TestNotifyFlags: CONFIG GET shows the flags of notify-keyspace-events as
// Redis does, and what is no flag is refused alike.
func TestNotifyFlags(t *testing.T) {
	pair := servers(t)
	pair.Proto = 2
	r := rand.New(rand.NewPCG(7, 0))
	s := Stream{Batch: 1}
	for range 300 {
		flags := ""
		for _, ch := range "KEg$lshzxetdmnA" {
			if r.IntN(2) == 0 && (ch != 'A' || r.IntN(3) == 0) {
				flags += string(ch)
			}
		}
		if r.IntN(20) == 0 {
			flags += "q"
		}
		s.Steps = append(s.Steps, Step{Args: []string{"CONFIG", "SET", "notify-keyspace-events", flags}},
			Step{Args: []string{"CONFIG", "GET", "notify-keyspace-events"}})
	}
	if diff, err := pair.Run(s); diff != nil || err != nil {
		t.Error(verdict(diff, err))
	}
}
