package script

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"crdb/resp"
)

// host answers every command with a fixed reply.
type host struct{ reply string }

func (h *host) Call(dst []byte, _ [][]byte, _ int) []byte { return append(dst, h.reply...) }
func (h *host) Crowded() bool                             { return false }
func (h *host) Random() uint64                            { return 1 << 20 }
func (h *host) Log(int, string)                           {}
func (h *host) MayRun([][]byte) (allowed, known bool)     { return true, true }

// run runs a script in a VM and returns its reply.
func run(t testing.TB, vm *VM, body string, args ...string) string {
	t.Helper()
	s, err := Compile(SHA([]byte(body)), body)
	if err != nil {
		return "-" + err.Error()
	}
	var argv [][]byte
	for _, a := range args {
		argv = append(argv, []byte(a))
	}
	w := resp.Writer{Proto: 2}
	vm.Run(s, &host{reply: "+OK\r\n"}, nil, argv).WriteTo(&w)
	return strings.TrimSuffix(string(w.Buf), "\r\n")
}

// TestNothingStays: what one script tries to leave behind, the next one in the
// same VM does not find (L1).
func TestNothingStays(t *testing.T) {
	vm := NewVM()
	clean := `return type(redis.call) .. type(string.format) .. tostring(pcall(function() return leak end)) .. #KEYS ..
		tostring(getmetatable('').__index == string or getmetatable('').__index ~= nil) .. cjson.encode({1.5}) .. tostring(rawget(_G, 'leak'))`
	want := run(t, vm, clean)
	for _, body := range []string{
		"leak = 1",
		"_G.leak = 1",
		"_G['leak'] = 1",
		"rawset(_G, 'leak', 1)",
		"setmetatable(_G, {__index = function() return 1 end})",
		"getmetatable(_G).__index = function() return 1 end",
		"getmetatable('').__index = {format = 1}",
		"getmetatable('').__add = function() return 1 end",
		"string.format = nil",
		"rawset(string, 'format', nil)",
		"redis.call = function() return 'caught' end",
		"table.insert(redis, 1)",
		"table.insert(string, 'x')",
		"table.sort(_G)",
		"for k in pairs(redis) do redis[k] = nil end",
		"function leak() end",
		"function string.leak() end",
		"function redis:leak() end",
		"local f = loadstring('leak = 1') f()",
		"local f = load(function() return nil end) if f then f() end",
		"KEYS[1] = 'x'",
		"ARGV = {1}",
		"cjson.encode_number_precision(1)",
		"cjson.encode_keep_buffer(false)",
		"cjson.encode_sparse_array(true)",
		"math.randomseed(5)",
		"setmetatable(string, nil)",
		"local mt = getmetatable(redis) if mt then mt.__index = {} end",
		"coroutine.wrap(function() leak = 1 end)()",
		"next = nil",
		"pairs({}).x = 1",
		"error(setmetatable({}, {__index = function() leak = 1 end}))",
	} {
		run(t, vm, body)
		if !vm.Usable() { // it was used up, and nobody gets it
			vm = NewVM()
		}
		if got := run(t, vm, clean); got != want {
			t.Fatalf("after %s:\n got %s\nwant %s", body, got, want)
		}
	}
}

// TestNoWayOut: what reaches files, processes, clocks or bytecode is not there,
// by name and by the tables within reach (L2).
func TestNoWayOut(t *testing.T) {
	vm := NewVM()
	for _, name := range []string{
		"io", "os", "package", "require", "module", "dofile", "loadfile", "debug", "newproxy", "print", "channel",
		"getfenv and getfenv(print)", "_VERSION and io", "string.dump(function() end)", "_G.io", "_G['os']", "rawget(_G, 'os')",
		"loadstring('return io')()", "loadstring('return _G.os')()", "loadstring('\\27Lua')()",
		"coroutine.wrap(function() return os end)()", "redis.call.x", "(function() return debug end)()",
	} {
		if got := run(t, vm, "return type("+name+")"); !strings.HasPrefix(got, "-") && got != "$3\r\nnil" {
			t.Errorf("%s: %q", name, got)
		}
		if !vm.Usable() {
			vm = NewVM()
		}
	}
	const walk = `local seen, found = {}, {}
		local bad = {execute = 1, exit = 1, open = 1, popen = 1, getenv = 1, rename = 1, tmpname = 1, loadlib = 1,
			sethook = 1, getregistry = 1, setupvalue = 1, clock = 1, time = 1, date = 1}
		local function look(t)
			if type(t) ~= 'table' or seen[t] then return end
			seen[t] = true
			for k, v in pairs(t) do
				if bad[k] then found[#found + 1] = k end
				look(v)
				look(getmetatable(v))
			end
		end
		look(_G) look(string) look(table) look(math) look(redis) look(coroutine) look(getmetatable(''))
		return table.concat(found, ' ')`
	if got := run(t, vm, walk); got != "$0\r\n" {
		t.Errorf("found %q", got)
	}
}

// TestBounds: scripts that want too much of a stack, a string or a depth end
// with an error, and the VM or its successor works on (L3, L4).
func TestBounds(t *testing.T) {
	if testing.Short() {
		t.Skip("much work of one goroutine")
	}
	vm := NewVM()
	deep := func(open, close string, n int) string { return strings.Repeat(open, n) + strings.Repeat(close, n) }
	for _, body := range []string{
		"local function f() return 1 + f() end return f()",
		"return string.rep('x', 1e9)",
		"return string.rep('x', 2^31-1)",
		"return ('x'):rep(2^30)",
		"return string.format('%999999999d', 1)",
		"local t = {} for i = 1, 300 do t = {t} end return cjson.encode(t) and cjson.decode(string.rep('[', 5000))",
		"local t = {} local u = t for i = 1, 5000 do u[1] = {} u = u[1] end return cjson.encode(t)",
		"local t = {} local u = t for i = 1, 5000 do u[1] = {} u = u[1] end return #cmsgpack.pack(t) < 0 and 1 or error('bounded')",
		"return cmsgpack.unpack(string.rep(string.char(0x91), 5000))",
		"return cmsgpack.unpack(string.char(0xdd, 0xff, 0xff, 0xff, 0xff))",
		"return cmsgpack.unpack(string.char(0xdf, 0xff, 0xff, 0xff, 0xff))",
		"return cmsgpack.unpack(string.char(0xdb, 0xff, 0xff, 0xff, 0xff))",
		"return struct.unpack('c999999999', 'x')",
		"return struct.pack('>I999', 1)",
		"return unpack({}, 1, 1e8)",
		"return table.concat({}, 'x', 1, 1e9)",
		"local t = {} t[1] = t return t",
		"return " + deep("(", ")", 5000),
		"return " + deep("{", "}", 5000),
		"local x = " + strings.Repeat("1 + ", 100000) + "1 return x",
		"return " + strings.Repeat("not ", 20000) + "1",
		"return " + strings.Repeat("'a' .. ", 20000) + "'b' and error('fine')",
		deep("do ", " end", 5000),
		"return " + deep("function() return ", " end", 3000),
		"local t = setmetatable({}, {}) getmetatable(t).__index = t return t.x",
		"local t = setmetatable({}, {__index = function(t, k) return t[k] end}) return t.x",
		"local s = 'x' for i = 1, 40 do s = s .. s end return #s",
	} {
		got := run(t, vm, body)
		if !strings.HasPrefix(got, "-") {
			t.Errorf("%.80s: %.100q", body, got)
		}
		if !vm.Usable() {
			vm = NewVM()
		}
		if got := run(t, vm, "return 1 + 1"); got != ":2" {
			t.Fatalf("after %.80s: %q", body, got)
		}
	}
}

// TestCodecsRoundTrip: what cjson and cmsgpack write they read again.
func TestCodecsRoundTrip(t *testing.T) {
	vm := NewVM()
	for _, value := range []string{
		"1", "-1", "1.5", "1e300", "'x'", "''", "true", "false", "{1,2,3}", "{a={b={c=1}}}", "string.char(0,1,255)", "{{},{1}}",
		"-2^31", "('x'):rep(70000)", "{1,2,{3,4,{5}}}",
	} {
		body := fmt.Sprintf(`local function same(a, b)
			if type(a) ~= 'table' then return a == b end
			for k, v in pairs(a) do if not same(v, b[k]) then return false end end
			for k in pairs(b) do if a[k] == nil then return false end end
			return true
		end
		local v = %s
		return tostring(same(v, cmsgpack.unpack(cmsgpack.pack(v)))) .. tostring(same({v}, cjson.decode(cjson.encode({v}))))`, value)
		if got := run(t, vm, body); got != "$8\r\ntruetrue" && !strings.Contains(value, "char") {
			t.Errorf("%s: %q", value, got)
		}
	}
}

// The decoders take whatever bytes a client hands them.
func fuzzDecoder(f *testing.F, body string, seeds ...string) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	vm := NewVM()
	f.Fuzz(func(t *testing.T, data []byte) {
		if !vm.Usable() {
			vm = NewVM()
		}
		if got := run(t, vm, body, string(data)); strings.Contains(got, "internal error") || strings.Contains(got, "goroutine") {
			t.Errorf("%q: %q", data, got)
		}
		if got := run(t, vm, "return 7"); got != ":7" && vm.Usable() {
			t.Errorf("after %q: %q", data, got)
		}
	})
}

func FuzzJSON(f *testing.F) {
	fuzzDecoder(f, "local v = cjson.decode(ARGV[1]) return cjson.encode(v)",
		`[1,2,{"a":null}]`, `"\ud83d\ude00"`, `-0.1e5`, "[[[[", `{"a":1,"a":2}`, "nan", "\x00")
}

func FuzzMessagePack(f *testing.F) {
	fuzzDecoder(f, "local t = {cmsgpack.unpack(ARGV[1])} return #cmsgpack.pack(t)",
		"\x93\x01\x02\x03", "\x81\xa1a\x01", "\xdd\xff\xff\xff\xff", "\xcb\x40\x09\x21\xfb\x54\x44\x2d\x18", "\xc1", "\xd9")
}

func FuzzStruct(f *testing.F) {
	fuzzDecoder(f, "local fmt, s = ARGV[1]:match('^([^|]*)|(.*)$') if fmt then return {struct.size(fmt), struct.unpack(fmt, s)} end",
		">I2i4|abcdefgh", "z|x\x00", "c0|x", "!8 >d|12345678", "s|x", "B|")
}

// FuzzScript: whatever a client calls a script compiles or does not, and never
// takes the VM's owner down.
func FuzzScript(f *testing.F) {
	for _, s := range []string{"return 1", "#!lua flags=no-writes\nreturn 1", "x.y.z = {[1]=2}", "for i=1,2 do end", "return 'a'..1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		if _, err := Compile("sha", body); err != nil && err.Error() == "" {
			t.Error("an error without a text")
		}
		if name, err := LibraryName(body); err == nil {
			if _, err := CompileLibrary(name, body); err != nil && err.Error() == "" {
				t.Error("an error without a text")
			}
		}
	})
}

// TestDeepText: what nests too deep is refused before the parser sees it, which
// would take minutes and gigabytes.
func TestDeepText(t *testing.T) {
	const n = 1 << 20
	for name, text := range map[string]string{
		"do":       strings.Repeat("do ", n) + strings.Repeat(" end", n),
		"if":       strings.Repeat("if 1 then ", n),
		"elseif":   "if 1 then " + strings.Repeat("elseif 2 == 2 then ", n) + "end",
		"repeat":   strings.Repeat("repeat ", n),
		"function": "return " + strings.Repeat("function() return ", n),
		"sum":      "return 1" + strings.Repeat("+1", n),
		"equal":    "return 1" + strings.Repeat(" == 1", n),
		"and":      "return 1" + strings.Repeat(" and 1", n),
		"index":    "local a = {} return a" + strings.Repeat(".a", n),
		"method":   "local a = {} return a" + strings.Repeat(":a()", n),
		"call":     "local a = {} return a" + strings.Repeat("()", n),
		"texts":    "local a = {} return a" + strings.Repeat("''", n),
	} {
		if _, err := Compile("sha", text); err == nil || !strings.Contains(err.Error(), "chunk has too many syntax levels") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestLongText: many statements are not deep ones.
func TestLongText(t *testing.T) {
	for _, part := range []string{
		"do local a = 1 end\n", "local f = function() return 1 end f() ;", "if 1 then elseif 2 then else end ", "repeat until true ", "x = - 1 == 2 and 3 or 4\n",
		"redis.call('get', KEYS[1]) ", "for i = 1, 2 do while false do end end ", "t[1].x:y('a'){}'b' ",
	} {
		if err := nesting(strings.Repeat(part, 100000)); err != nil {
			t.Errorf("%s: %v", part, err)
		}
	}
}

// TestFormat: what C's printf makes of it, as redis-server answers.
func TestFormat(t *testing.T) {
	vm := NewVM()
	for args, want := range map[string]string{
		`'%10s|%-10s|', 'é', 'é'`:                    "        é|é        |",
		`'%.1s|%20.3s|%05s|', 'ab', 'abcd', 'x'`:     "a|                 abc|    x|",
		`'%s|%q', 'a\0b', 'a\0b'`:                    `a|"a\000b"`,
		`'%s', ('a\0'):rep(50)`:                      strings.Repeat("a\x00", 50),
		`'%c|%5c|%-5c|%3c', 0, 0, 0, 65`:             "|    ||  A",
		`'%#06x|%#x|%#o|%#.3o|%+x', 255, 0, 8, 1, 1`: "0x00ff|0|010|001|1",
		`'%05.3d|%.0d|%+d|% d|%-5d|', 7, 0, 3, 3, 3`: "  007||+3| 3|3    |",
		`'%010f|%-10f|%+10f', 1/0, -1/0, 0/0`:        "       inf|-inf      |      -nan",
		`'%u %u %u', -1, 2^63, 2^64`:                 "18446744073709551615 9223372036854775808 0",
		`'%g %#g %G %010.3e', 1e20, 1, 1e-5, -1.5`:   "1e+20 1.00000 1E-05 -1.500e+00",
		`'%1.2.3d', 1`:                               "-ERR user_script:1: invalid option '%.' to 'format'",
		`'%', 1`:                                     "-ERR user_script:1: invalid option '%' to 'format'",
		`'%'`:                                        "-ERR user_script:1: bad argument #2 to 'format' (no value)",
		`'%123d', 1`:                                 "-ERR user_script:1: invalid format (width or precision too long)",
		`'%------d', 1`:                              "-ERR user_script:1: invalid format (repeated flags)",
	} {
		got := run(t, vm, "return string.format("+args+")")
		got, _, _ = strings.Cut(got, " script: ")
		if _, text, ok := strings.Cut(got, "\r\n"); ok {
			got = text
		}
		if got != want {
			t.Errorf("%s: %q, wanted %q", args, got, want)
		}
	}
}

// TestMethodArguments: the value in front of a colon counts as no argument.
func TestMethodArguments(t *testing.T) {
	vm := NewVM()
	for call, want := range map[string]string{
		"('x'):rep({})":      "bad argument #1 to 'rep' (number expected, got table)",
		"('x'):rep()":        "bad argument #1 to 'rep' (number expected, got no value)",
		"('x'):gsub('a')":    "bad argument #2 to 'gsub' (string/function/table expected)",
		"('%d'):format('x')": "bad argument #1 to 'format' (number expected, got string)",
		"('x'):gsub('x', function() return ('y'):find() end)":                 "bad argument #1 to 'find' (string expected, got no value)",
		"('x'):gsub('x', function() return string.gsub('x') end)":             "bad argument #2 to 'gsub' (string expected, got no value)",
		"(function() local t = {rep = string.rep} return 1, t:rep(1) end)()":  "calling 'rep' on bad self (string expected, got table)",
		"(function() local t = {rep = string.rep} return t.rep({}, 1) end)()": "bad argument #1 to 'rep' (string expected, got table)",
		"error('bad argument #2 to \\'rep\\' (x)')":                           "bad argument #2 to 'rep' (x)",
		"error(select(2, pcall(function() return ('x'):rep({}) end)), 0)":     "bad argument #1 to 'rep' (number expected, got table)",
	} {
		got, _, _ := strings.Cut(run(t, vm, "return "+call), " script: ")
		if got = strings.TrimPrefix(got, "-ERR user_script:1: "); got != want {
			t.Errorf("%s: %q, wanted %q", call, got, want)
		}
	}
}

// An error that is caught costs no more where calls stand deep in each other.
func TestErrorsDeepDown(t *testing.T) {
	vm := NewVM()
	start := time.Now()
	got := run(t, vm, `local function f(depth)
			if depth > 0 then return 0 + f(depth - 1) end
			local n = 0
			for i = 1, 50 do if not pcall(error, 'x') then n = n + 1 end end
			return n
		end
		local n = f(12000)
		for i = 1, 20 do if not pcall(f, 1e9) then n = n + 1 end end
		return n`)
	if got != ":70" {
		t.Errorf("%q", got)
	}
	if d := time.Since(start); d > 10*time.Second {
		t.Errorf("%v for 70 errors", d)
	}
}

// What a coroutine was in when an error ended it does not count for others.
func TestErrorsEndCoroutines(t *testing.T) {
	got := run(t, NewVM(), `for i = 1, 300 do
			coroutine.resume(coroutine.create(function() string.gsub('a', 'a', function() error('x') end) end))
		end
		return string.gsub('a', 'a', function() return 'fine' end)`)
	if got != "$4\r\nfine" {
		t.Errorf("%q", got)
	}
}
