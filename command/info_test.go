package command

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// infoFields lists "section field" for each line of INFO.
func infoFields(reply string) map[string]bool {
	fields, section := map[string]bool{}, ""
	for _, line := range strings.Split(reply, "\r\n") {
		if name, ok := strings.CutPrefix(line, "# "); ok {
			section = name
		} else if key, _, ok := strings.Cut(line, ":"); ok && section != "" {
			for _, perCommand := range []string{"cmdstat_", "latency_percentiles_usec_", "errorstat_", "db"} {
				if strings.HasPrefix(key, perCommand) {
					key = perCommand
				}
			}
			fields[section+" "+key] = true
		}
	}
	return fields
}

// Whatever redis-server 7.0 tells in INFO is told here, under the same names in
// the same sections: monitoring looks for them.
func TestInfoHasTheFieldsOfRedis(t *testing.T) {
	if testing.Short() {
		t.Skip("starts redis-server")
	}
	nc, err := net.Dial("unix", startRedis(t).path)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(10 * time.Second))
	fmt.Fprint(nc, wire("SET", "k", "v")+wire("GET")+wire("INFO", "everything"))
	r := bufio.NewReader(nc)
	reply := ""
	for range 3 {
		if reply, err = readReply(r); err != nil {
			t.Fatal(err)
		}
	}
	c := newWorld(t).dial("c")
	c.do("SET", "k", "v")
	c.do("GET")
	here := infoFields(c.do("INFO", "everything"))
	there := infoFields(reply)
	for f := range there {
		if !here[f] {
			t.Errorf("%s is missing", f)
		}
	}
	if len(there) < 150 {
		t.Errorf("%d fields of redis-server", len(there))
	}
}

func TestInfoCountsTracking(t *testing.T) {
	w := newWorld(t)
	a, b, c := w.dial("a"), w.dial("b"), w.dial("c")
	tells := func(want string) {
		t.Helper()
		got := c.do("INFO", "clients") + c.do("INFO", "stats")
		for _, line := range strings.Fields(want) {
			if !strings.Contains(got, line+"\r\n") {
				t.Errorf("%s is not told", line)
			}
		}
	}
	tells("tracking_clients:0 tracking_total_keys:0 tracking_total_items:0 tracking_total_prefixes:0")
	a.do("HELLO", "3")
	b.do("HELLO", "3")
	a.do("CLIENT", "TRACKING", "on")
	b.do("CLIENT", "TRACKING", "on")
	a.do("MGET", "x", "y")
	b.do("GET", "x")
	tells("tracking_clients:2 tracking_total_keys:2 tracking_total_items:3 tracking_total_prefixes:0")
	c.do("SET", "x", "1")
	tells("tracking_total_keys:1 tracking_total_items:1")
	b.do("CLIENT", "TRACKING", "off")
	b.do("CLIENT", "TRACKING", "on", "BCAST", "PREFIX", "p", "PREFIX", "q")
	tells("tracking_clients:2 tracking_total_prefixes:2")
	a.do("CLIENT", "TRACKING", "off")
	b.do("CLIENT", "TRACKING", "off")
	tells("tracking_clients:0 tracking_total_keys:0 tracking_total_items:0 tracking_total_prefixes:0")
}

// INFO knows the libraries there are, also before one of them has been used.
func TestInfoCountsLibraries(t *testing.T) {
	w := newWorld(t)
	c := w.dial("c")
	tells := func(want string) {
		t.Helper()
		got := c.do("INFO", "memory")
		for _, line := range strings.Fields(want) {
			if !strings.Contains(got, line+"\r\n") {
				t.Errorf("%s is not told: %s", line, got)
			}
		}
	}
	code := "#!lua name=l\nredis.register_function('f', function() end)\nredis.register_function('g', function() end)"
	tells("number_of_functions:0 number_of_libraries:0 used_memory_functions:0")
	c.do("FUNCTION", "LOAD", code)
	tells(fmt.Sprintf("number_of_functions:2 number_of_libraries:1 used_memory_functions:%d", len(code)))
	c.do("FUNCTION", "FLUSH")
	tells("number_of_functions:0 number_of_libraries:0 used_memory_functions:0")
}

func TestInfoAverageTTL(t *testing.T) {
	c := newWorld(t).dial("c")
	for i := range 100 {
		c.do("SET", fmt.Sprint("k", i), "v", "PX", fmt.Sprint(1_000_000+i*10_000))
		c.do("SET", fmt.Sprint("ever", i), "v")
	}
	c.do("SELECT", "3")
	c.do("SET", "x", "v", "PX", "7000")
	text := c.do("INFO", "keyspace")
	var keys, dated, mean int
	at := strings.Index(text, "db0:")
	if _, err := fmt.Sscanf(text[at:], "db0:keys=%d,expires=%d,avg_ttl=%d", &keys, &dated, &mean); err != nil {
		t.Fatal(err)
	}
	if keys != 200 || dated != 100 || mean < 1_400_000 || mean > 1_600_000 || !strings.Contains(text, "db3:keys=1,expires=1,avg_ttl=7000\r\n") {
		t.Error(text)
	}
}

// The seed of the key hash follows from the GUID: who knows it makes keys collide.
func TestNobodySeesTheGUID(t *testing.T) {
	w := newWorld(t)
	const guid = "336ef421-8937-4da0-bff7-4cd3d679285e"
	w.srv.opts.GUID = guid
	c := w.dial("c")
	all := ""
	for _, args := range [][]string{{"INFO", "everything"}, {"CONFIG", "GET", "*"}, {"CRDT.TOKEN"}, {"CLIENT", "LIST"}, {"HELLO"}} {
		all += c.do(args...)
	}
	for _, shown := range []string{guid, strings.ReplaceAll(guid, "-", "")} {
		if strings.Contains(all, shown) {
			t.Errorf("%s is shown", shown)
		}
	}
	if !strings.Contains(all, "master_replid:"+w.srv.replID()) || len(w.srv.replID()) != 40 {
		t.Errorf("the replication ID is %q", w.srv.replID())
	}
}

// A script's errors are its own words: as labels of metrics they must be text, and
// they take little memory.
func TestErrorCodesAreShortWords(t *testing.T) {
	w := newWorld(t)
	c := w.dial("c")
	for _, word := range []string{`'\255\254 x'`, `string.rep('x', 1000)`, `string.rep('y', 1000)..' z'`, `'a\127\tb c'`} {
		c.do("EVAL", "return {err="+word+"}", "0")
	}
	got := w.srv.Stats().Errors
	if len(got) != 3 || got["__"] != 1 || got["ERR"] != 2 || got["a__b"] != 1 {
		t.Errorf("%v", got)
	}
}

// A subcommand that there is not is a call of no command.
func TestUnknownSubcommandIsNobodysCall(t *testing.T) {
	w := newWorld(t)
	c := w.dial("c")
	c.do("OBJECT", "NOSUCH", "k")
	if got := w.srv.Stats(); len(got.Commands) != 0 || got.Errors["ERR"] != 1 {
		t.Errorf("%+v", got)
	}
}

// TIME is the wall clock and never goes back while that does not: limiters subtract
// one answer from another.
func TestTimeDoesNotGoBack(t *testing.T) {
	w := newWorld(t)
	c := w.dial("c")
	last := ""            // as text: the lengths come before the digits
	for i := range 3000 { // the other clock goes on by a microsecond each time it is read
		got := c.send("TIME\r\n")
		if got < last {
			t.Fatalf("answer %d is %q after %q", i, got, last)
		}
		last = got
		if i%500 == 0 {
			w.advance(time.Millisecond)
		}
	}
}

// Reads and writes are counted as they come, not by commands.
func TestReadsAndWrites(t *testing.T) {
	a := newWorld(t).dial("a")
	a.do("CONFIG", "RESETSTAT")
	a.do("PING")
	a.send(wire("PING") + wire("PING"))
	expect(t, a.field("stats", "total_reads_processed")+" "+a.field("stats", "total_writes_processed"), "3 4") // with the command that asks, and the answer before
}
