package command

import (
	"strings"
	"testing"
	"time"
)

// until looks again and again for something that happens elsewhere.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 5000 {
		if ok() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("never: " + what)
}

func TestScriptKill(t *testing.T) {
	for _, body := range []string{"while true do end", "loadstring('while true do end')()"} {
		t.Run(body, func(t *testing.T) { killScript(t, body) })
	}
}

func killScript(t *testing.T, body string) {
	w := newWorld(t)
	a, b := w.dial("a"), w.dial("b")
	a.hurried = true
	a.do("EVAL", body, "0")
	if got := b.do("GET", "k"); got != "" {
		t.Fatalf("GET beside a script: %q", got)
	}
	c := w.dial("c")
	if got := c.do("SCRIPT", "KILL"); got != "+OK\r\n" {
		t.Fatalf("SCRIPT KILL: %q", got)
	}
	until(t, "the script ends", func() bool { w.pumpAll(); return len(a.got) > 0 && len(b.got) > 0 })
	if got := a.take(); !strings.HasPrefix(got, "-ERR Error running script") && !strings.HasPrefix(got, "-ERR Script killed") {
		t.Fatalf("the killed script: %q", got)
	}
	if got := b.take(); got != "$-1\r\n" {
		t.Fatalf("GET after the script: %q", got)
	}
	if got := c.do("SCRIPT", "KILL"); got != "-"+msgNotBusy+"\r\n" {
		t.Fatalf("SCRIPT KILL of nothing: %q", got)
	}
}

// TestKillInTransaction: a transaction in the background does not kill itself.
func TestKillInTransaction(t *testing.T) {
	w := newWorld(t)
	a := w.dial("a")
	a.do("MULTI")
	a.do("EVAL", "local n = 0 while n < 1e6 do n = n + 1 end return n", "0") // longer than patience
	a.do("SCRIPT", "KILL")
	a.do("FUNCTION", "KILL")
	a.do("EVAL", "return 2", "0")
	expect(t, a.do("EXEC"), "*4\r\n:1000000\r\n-"+msgNotBusy+"\r\n-"+msgNotBusy+"\r\n:2\r\n")
}

func TestScriptBusy(t *testing.T) {
	w := newWorld(t)
	a, b, c := w.dial("a"), w.dial("b"), w.dial("c")
	a.hurried = true
	a.do("EVAL", "local ok = pcall(function() while true do end end) while true do end", "0")
	w.advance(6 * time.Second)
	if got := b.do("GET", "k"); !strings.HasPrefix(got, "-BUSY Redis is busy running a script.") {
		t.Fatalf("GET beside a script: %q", got)
	}
	expect(t, b.do("FUNCTION", "STATS"), "-"+msgBusy+"\r\n")
	c.do("SCRIPT", "KILL")
	until(t, "the script ends", func() bool { w.pumpAll(); return len(a.got) > 0 })
}

func TestScriptThatWroteCannotBeKilled(t *testing.T) {
	w := newWorld(t)
	a, c := w.dial("a"), w.dial("c")
	a.hurried = true
	a.do("EVAL", "redis.call('set','k','v') while true do end", "0")
	until(t, "it has written", func() bool {
		p := &w.srv.scripts
		p.mu.Lock()
		defer p.mu.Unlock()
		for r := range p.running {
			return r.wrote.Load()
		}
		return false
	})
	if got := c.do("SCRIPT", "KILL"); !strings.HasPrefix(got, "-UNKILLABLE") {
		t.Fatalf("SCRIPT KILL: %q", got)
	}
	a.close() // the run goes on without its client, until the server closes
}

// hostileScripts want too much.
var hostileScripts = []string{
	"local function f() return 1 + f() end return f()",
	"local function f() return (pcall(f)) end return f()",
	"local t = setmetatable({}, {}) getmetatable(t).__index = function(t, k) return t[k] end return t.x",
	"return string.rep('x', 1e10)",
	"local s = 'x' for i = 1, 60 do s = s .. s end return #s",
	"local s = string.rep('x', 1e6) return #string.gsub(s, 'x', s)",
	"local s = string.rep('x', 1e6) return #string.gsub(s, 'x', {x = s})",
	"return #string.format('%99999d', 1)",
	"local t = {} for i = 1, 100 do t = {t} end return t",
	"local t = {} for i = 1, 5000 do t = {t} end return t",
	"local t = {} t[1] = t return t",
	"return cjson.decode(string.rep('[', 100000))",
	"return cjson.decode(string.rep('{\"a\":', 100000))",
	"return cmsgpack.unpack(string.rep('\\145', 100000))",
	"return cmsgpack.unpack('\\221\\255\\255\\255\\255')",
	"return unpack({}, 1, 1e9)",
	"return unpack({}, -1e18, 1e18)",
	"return {string.byte(string.rep('x', 3e6), 1, -1)}",
	"for i = 1, 1e6 do coroutine.create(function() end) end",
	"return " + strings.Repeat("(", 100000) + "1" + strings.Repeat(")", 100000),
	"return " + strings.Repeat("{", 100000),
	"return " + strings.Repeat("-", 100000) + "1",
	"return " + strings.Repeat("not ", 100000) + "1",
	"return 1" + strings.Repeat("+1", 100000),
	"return 1" + strings.Repeat("..1", 10000),
	strings.Repeat("do ", 100000),
	strings.Repeat("if 1 then ", 100000),
	strings.Repeat("local function f() ", 10000),
	"return loadstring('return ' .. string.rep('(', 100000))",
	"local t = {} t[67108863] = 1 return 1",
	"return ('x'):rep(100000):find(('x*'):rep(20) .. 'y')",
	"return string.rep('a', 200000):find(string.rep('a?', 200000))",
	"return struct.unpack('c99999999999', 'x')",
	"return struct.size(string.rep('c999999', 100000))",
	"getmetatable('').__index = nil",
	"getmetatable('').__index.upper = nil return 1",
	"setmetatable(string, nil)",
	"local m = getmetatable(_G) if m then m.__index = nil end",
	"loadstring('redis = nil')()",
	"_G['\\0concat'] = nil",
	"return _G['\\0concat']",
	"for k, v in pairs(_G) do if type(v) == 'table' and v ~= _G then rawset(v, 'x', 1) end end",
	"table.sort(redis) table.insert(math, 1) return 1",
}

// TestHostileScripts runs scripts that want too much: each ends by itself with
// an error, or with a reply, and the next script is not the worse for it.
func TestHostileScripts(t *testing.T) {
	if testing.Short() {
		t.Skip("much work of one goroutine")
	}
	w := newWorld(t)
	a := w.dial("a")
	for _, body := range hostileScripts {
		if strings.Contains(body, "x*'):rep(20)") {
			continue // exponential in Lua itself; SCRIPT KILL cannot stop it there either
		}
		began := time.Now()
		got := a.do("EVAL", body, "0")
		if took := time.Since(began); took > 2*time.Second {
			t.Logf("%v: %.60q", took, body)
		}
		if got == "" {
			t.Errorf("no reply to %.80q", body)
		}
		if len(got) > 100000 {
			t.Errorf("a reply of %d bytes to %.80q", len(got), body)
		}
		if strings.Contains(got, "internal error") {
			t.Errorf("%.80q: %.200q", body, got)
		}
		if sane := a.do("EVAL", "return {('x'):upper(), #KEYS, type(redis.call), 1 .. '', math.floor(1.5)}", "0"); sane != "*5\r\n$1\r\nX\r\n:0\r\n$8\r\nfunction\r\n$1\r\n1\r\n:1\r\n" {
			t.Fatalf("after %.80q: %q", body, sane)
		}
	}
}

// Garbage in a large heap is no memory of a script: it is collected when the heap reaches
// its goal, not before.
func TestGarbageIsNotTheScripts(t *testing.T) {
	var r scriptRun
	for _, step := range []struct {
		heap, goal int64
		crowded    bool
	}{
		{10 << 30, 12 << 30, false},
		{12 << 30, 12 << 30, false},
		{12<<30 + maxScriptHeap, 13 << 30, false},
		{12<<30 + maxScriptHeap + 1, 15 << 30, true},
	} {
		if got := r.crowded(memory{heap: step.heap, goal: step.goal}); got != step.crowded {
			t.Errorf("a heap of %d: crowded is %v", step.heap, got)
		}
	}
}
