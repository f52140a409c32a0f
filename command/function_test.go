package command

import (
	"strings"
	"testing"
	"time"
)

func libraryOf(name, body string) string { return "#!lua name=" + name + "\n" + body }

// TestFunctionsInRegions: a library is a register that replicates. The newest
// of two concurrent ones counts in both regions, a removal takes what it has
// seen, and the code is compiled where it arrives.
func TestFunctionsInRegions(t *testing.T) {
	w1, w2 := newWorldOf(t, 1), newWorldOf(t, 2)
	a, b := w1.dial("a"), w2.dial("b")
	sync := func() { w1.pull(w2); w2.pull(w1) }
	version := func(v string) string {
		return libraryOf("lib", "redis.register_function('f', function() return '"+v+"' end)")
	}
	expect(t, a.do("FUNCTION", "LOAD", version("1")), "$3\r\nlib\r\n")
	expect(t, b.do("FCALL", "f", "0"), "-ERR Function not found\r\n")
	sync()
	expect(t, b.do("FCALL", "f", "0"), "$1\r\n1\r\n")
	a.do("FUNCTION", "LOAD", "REPLACE", version("2"))
	w1.advance(time.Millisecond)
	w2.advance(2 * time.Millisecond)
	b.do("FUNCTION", "LOAD", "REPLACE", version("3"))
	sync()
	expect(t, a.do("FCALL", "f", "0")+b.do("FCALL", "f", "0"), "$1\r\n3\r\n$1\r\n3\r\n")
	if w1.srv.engine.Digest() != w2.srv.engine.Digest() || w1.srv.engine.Digest() == 0 {
		t.Error("the libraries are not part of the digest")
	}
	a.do("FUNCTION", "FLUSH")
	b.do("FUNCTION", "LOAD", "REPLACE", version("4"))
	sync()
	expect(t, a.do("FCALL", "f", "0")+b.do("FCALL", "f", "0"), "$1\r\n4\r\n$1\r\n4\r\n")
	// Two regions register one name in two libraries: the first by name counts.
	a.do("FUNCTION", "LOAD", libraryOf("zlib", "redis.register_function('g', function() return 'z' end)"))
	b.do("FUNCTION", "LOAD", libraryOf("alib", "redis.register_function('G', function() return 'a' end)"))
	sync()
	expect(t, a.do("FCALL", "g", "0")+b.do("FCALL", "g", "0"), "$1\r\na\r\n$1\r\na\r\n")
	// Nobody sees where libraries are kept, and nothing flushes them.
	expect(t, a.do("DBSIZE")+a.do("FLUSHALL")+a.do("SELECT", "16"), ":0\r\n+OK\r\n-ERR DB index is out of range\r\n")
	expect(t, a.do("FCALL", "f", "0"), "$1\r\n4\r\n")
}

// TestFunctionKeepsState: the locals of a library live from call to call, also
// when another library comes or goes, and begin anew when it is loaded.
func TestFunctionKeepsState(t *testing.T) {
	w := newWorld(t)
	c := w.dial("c")
	counter := libraryOf("lib", "local n = 0 redis.register_function('count', function() n = n + 1 return n end)")
	c.do("FUNCTION", "LOAD", counter)
	expect(t, c.do("FCALL", "count", "0")+c.do("FCALL", "count", "0"), ":1\r\n:2\r\n")
	c.do("FUNCTION", "LOAD", libraryOf("other", "redis.register_function('x', function() end)"))
	c.do("FUNCTION", "DELETE", "other")
	expect(t, c.do("FCALL", "count", "0"), ":3\r\n")
	c.do("FUNCTION", "LOAD", "REPLACE", counter)
	expect(t, c.do("FCALL", "count", "0"), ":1\r\n")
}

// TestShortFunction: a function whose text shows that it ends soon runs where its
// client is served, and any other on a goroutine of its own: also one that is
// what it is since the last call only. MONITOR sees each call once.
func TestShortFunction(t *testing.T) {
	w := newWorld(t)
	a, b, watch := w.dial("a"), w.dial("b"), w.dial("monitor")
	var last, away bool
	rand := w.srv.opts.Rand
	w.srv.opts.Rand = func() uint64 { // a run begins with it, those that load libraries too
		last = a.s.isAway()
		away = away || last
		return rand()
	}
	short := libraryOf("lib", "redis.register_function('f', function(keys, args) return redis.call('incrby', keys[1], args[1]) end)")
	long := libraryOf("lib", "redis.register_function('f', function(keys, args) repeat until true return 'long' end)")
	a.do("FUNCTION", "LOAD", short)
	watch.do("MONITOR")
	for _, c := range []struct {
		load, want   string
		last, during bool
	}{
		{"", ":2\r\n", false, false},
		{long, "$4\r\nlong\r\n", true, true},
		{short, ":4\r\n", false, false},
	} {
		if c.load != "" {
			b.do("FUNCTION", "LOAD", "REPLACE", c.load)
		}
		watch.take()
		last, away = false, false
		expect(t, a.do("FCALL", "f", "1", "k", "2"), c.want)
		if last != c.last || away != c.during {
			t.Errorf("%s: away in the end %v, at all %v", c.want, last, away)
		}
		w.pumpAll()
		if got := strings.Count(watch.take(), `"FCALL" "f"`); got != 1 {
			t.Errorf("MONITOR saw %d calls", got)
		}
	}
	a.do("MULTI")
	a.do("FCALL", "f", "1", "k", "2")
	expect(t, a.do("EXEC"), "*1\r\n:6\r\n")
	expect(t, a.do("FCALL", "nope", "0")+a.do("FCALL", "f", "x"), "-ERR Function not found\r\n-ERR Bad number of keys provided\r\n")
}

func TestFunctionKill(t *testing.T) {
	w := newWorld(t)
	a, c := w.dial("a"), w.dial("c")
	a.do("FUNCTION", "LOAD", libraryOf("lib", "redis.register_function('loop', function() while true do end end)"))
	a.hurried = true
	a.do("FCALL", "loop", "1", "k")
	until(t, "the function runs", func() bool { w.pumpAll(); return w.srv.scripts.inFunction() && w.srv.scripts.away.Load() > 0 })
	if got := c.do("SCRIPT", "KILL"); got != "-"+msgBusyFunction+"\r\n" {
		t.Errorf("SCRIPT KILL: %q", got)
	}
	if got := c.do("FUNCTION", "STATS"); !strings.Contains(got, "$4\r\nloop\r\n") {
		t.Errorf("FUNCTION STATS: %q", got)
	}
	expect(t, c.do("FUNCTION", "KILL"), "+OK\r\n")
	until(t, "the function ends", func() bool { w.pumpAll(); return len(a.got) > 0 })
	expect(t, a.take(), "-ERR Script killed by user with SCRIPT KILL... script: loop, on @user_function:2.\r\n")
	a.hurried = false
	if got := c.do("FUNCTION", "STATS"); !strings.Contains(got, ":1\r\n") {
		t.Errorf("FUNCTION STATS afterwards: %q", got)
	}
	expect(t, c.do("FUNCTION", "KILL"), "-"+msgNotBusy+"\r\n")
}

// TestHostileLibraries: a library that does not end when it is loaded is
// stopped, is not stored, and takes no other library with it.
func TestHostileLibraries(t *testing.T) {
	w := newWorld(t)
	c := w.dial("c")
	c.do("FUNCTION", "LOAD", libraryOf("good", "redis.register_function('f', function() return 1 end)"))
	w.srv.opts.AfterFunc = func(d time.Duration, f func()) func() bool { return time.AfterFunc(d, f).Stop }
	for _, body := range []string{
		"while true do end",
		"local t = {} while true do t[#t + 1] = {} end",
		"local function f() return 1 + f() end f()",
		"local s = 'x' while true do s = s .. s end",
	} {
		got := c.do("FUNCTION", "LOAD", libraryOf("bad", body))
		if !strings.HasPrefix(got, "-ERR Error registering functions: ") {
			t.Errorf("%s: %q", body, got)
		}
		expect(t, c.do("FCALL", "f", "0"), ":1\r\n")
	}
}
