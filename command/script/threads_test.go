package script

import (
	"strings"
	"testing"
)

// lines runs a script that gets add, which notes down its arguments, and returns what was
// noted. All that is wanted below is what redis-server 7.0 says.
func lines(t *testing.T, body string) string {
	t.Helper()
	got := run(t, NewVM(), `local noted = {}
		local function add(...) for i = 1, select('#', ...) do noted[#noted+1] = tostring((select(i, ...))) end end
		`+body+`
		return table.concat(noted, '|')`)
	if head, text, ok := strings.Cut(got, "\r\n"); ok && strings.HasPrefix(head, "$") {
		return text
	}
	return got
}

func TestErrorsLeaveSharedLocals(t *testing.T) {
	for body, want := range map[string]string{
		// A function that was made before an error shares its locals with the others after it.
		`local n = 0
		local function try() n = n + 1 if n < 3 then error('again', 0) end return n end
		for i = 1, 3 do add(pcall(try)) end add(n)`: "false|again|false|again|true|3|3",
		// What the failed function leaves behind stays, too.
		`local f
		pcall(function() local x = 42 f = function() x = x + 1 return x end error('a') end) add(f(), f())`: "43|44",
		`local g
		pcall(function() local x = 1 g = function() x = x + 1 return x end pcall(error, 'q') x = 50 error('b') end) add(g(), g())`: "51|52",
		`local n = 0
		local function count() n = n + 1 return n end
		local co = coroutine.wrap(function() count() pcall(error) count() coroutine.yield() count() error('x') end)
		co() pcall(co) count() add(n)`: "4",
		`local n = 0
		local function count() n = n + 1 end
		xpcall(function() count() error('x') end, function() error('y') end) count() add(n)`: "2",
	} {
		if got := lines(t, body); got != want {
			t.Errorf("%s: %q, wanted %q", body, got, want)
		}
	}
}

func TestWhereErrorsAre(t *testing.T) {
	for body, want := range map[string]string{
		`add(pcall(function() error('x', 2) end))`:                                                                  "false|x",
		"local function deep() error('y', 3) end\nadd(pcall(function() deep() end))":                                "false|y",
		"add(pcall(function() error('y', 4) end))":                                                                  "false|y",
		"local function f() pcall(function() error('z', 0) end) error('w', 2) end\nadd(pcall(function()\nf() end))": "false|user_script:5: w",
		`add(pcall(pcall, error, 'e'))`:                                                                             "true|false|e",
		`add(pcall(pcall))`:                                                                                         "true|false|attempt to call a boolean value",
		`add(pcall(error))`:                                                                                         "false|nil",
		`add(select('#', pcall(function() return 1, nil, nil end)))`:                                                "4",
		`add(pcall(string.rep))`:                                                                                    "false|bad argument #1 to '?' (string expected, got no value)",
		`add(xpcall(error, function() error('again') end))`:                                                         "false|error in error handling",
		`local n = 0 add(xpcall(error, function(e) n = n + 1 if n < 5 then error('y' .. n, 0) end return e end))`: "false|y4",
		`local n = 0 xpcall(error, function() n = n + 1 error('again') end) add(n)`:                               "221",
		`add(xpcall(error, function() return 1, 2 end))`:                                                          "false|1",
	} {
		if got := lines(t, body); got != want {
			t.Errorf("%s: %q, wanted %q", body, got, want)
		}
	}
}

func TestCoroutines(t *testing.T) {
	const across = "attempt to yield across metamethod/C-call boundary"
	for body, want := range map[string]string{
		`add(coroutine.running()) add(pcall(coroutine.running))`: "nil|true|nil",
		// These two resumed each other until the process had no stack left.
		`local a, b
		a = coroutine.create(function() add(coroutine.status(a)) return coroutine.resume(b) end)
		b = coroutine.create(function() add(coroutine.status(a)) return coroutine.resume(a) end)
		add(coroutine.resume(a)) add(coroutine.status(a))`: "running|normal|true|true|false|cannot resume normal coroutine|dead",
		`local a a = coroutine.create(function() add(pcall(function()
			add(coroutine.running() == a, coroutine.status(a)) return coroutine.resume(a) end)) end)
		coroutine.resume(a)`: "true|running|true|false|cannot resume running coroutine",
		`local w w = coroutine.wrap(function() return w() end) add(pcall(w))`:                          "false|user_script:3: cannot resume running coroutine",
		`local c = coroutine.create(function() end) add(coroutine.resume(c)) add(coroutine.resume(c))`: "true|false|cannot resume dead coroutine",
		`local c = coroutine.create(function(...) add(...) add(coroutine.yield(1, nil)) return 'x', 'y' end)
		add(coroutine.resume(c, 'p', 'q')) add(coroutine.resume(c, 'r', 's'))`: "p|q|true|1|nil|r|s|true|x|y",
		`local w = coroutine.wrap(function() coroutine.yield(5) error('boom', 0) end) add(w()) add(pcall(w)) add(pcall(w))`: "5|false|boom|false|cannot resume dead coroutine",
		`local c = coroutine.create(function() error({}) end) local ok, e = coroutine.resume(c) add(ok, type(e))`:           "false|table",
		`add(pcall(coroutine.yield, 1))`: "false|" + across,
		`add(coroutine.resume(coroutine.create(function() pcall(function() add(pcall(coroutine.yield)) end) end)))`: "false|" + across + "|true",
		`add(coroutine.resume(coroutine.create(function() string.gsub('a', 'a', coroutine.yield) end)))`:            "false|" + across,
		`add(coroutine.resume(coroutine.create(function()
			return setmetatable({}, {__index = function() coroutine.yield(1) return 2 end}).x end)))`: "false|" + across,
		`local co = coroutine.create(function() return setmetatable({}, {__call = function() coroutine.yield(1) return 2 end})() end)
		add(coroutine.resume(co)) add(coroutine.resume(co))`: "true|1|true|2",
		`add(pcall(coroutine.create, type)) add(pcall(coroutine.resume, 1))`: "false|bad argument #1 to '?' (Lua function expected)|false|bad argument #1 to '?' (coroutine expected)",
		`add(pcall(function() coroutine.wrap(1) end))`:                       "false|user_script:3: bad argument #1 to 'wrap' (Lua function expected)",
	} {
		if got := lines(t, body); got != want {
			t.Errorf("%s: %q, wanted %q", body, got, want)
		}
	}
}

// Coroutines that stand in each other end in an error.
func TestCoroutinesInEachOther(t *testing.T) {
	got := lines(t, `local function f(n) if n == 0 then return 'bottom' end
			return coroutine.wrap(function() return f(n - 1) end)() end
		add(pcall(f, 150)) local ok, e = pcall(f, 250) add(ok, string.match(e, 'C stack overflow'))`)
	if want := "true|bottom|false|C stack overflow"; got != want {
		t.Errorf("%q, wanted %q", got, want)
	}
}

// Go ends a process if one of its goroutines has a stack of more than 1 GiB: as many
// states as can stand in each other, each as deep as can be, fit.
func TestDeepestStatesFitGosStack(t *testing.T) {
	if testing.Short() {
		t.Skip("takes hundreds of megabytes")
	}
	got := lines(t, `
		local calls, states, enter = 0, 0
		local t, deepest = {}
		setmetatable(t, {__index = function(t, k)
			calls = calls + 1
			if k == 0 then return enter() end
			return t[k - 1]
		end})
		enter = function()
			states = states + 1
			local deep = states <= 4 and 15980 or 1990
			if states % 2 == 0 and states > 4 then
				return coroutine.resume(coroutine.create(function() return t[deep] end))
			end
			return pcall(function() return t[deep] end)
		end
		enter()
		add(states, calls > 400000)`)
	if want := "199|true"; got != want {
		t.Errorf("%q, wanted %q", got, want)
	}
}
