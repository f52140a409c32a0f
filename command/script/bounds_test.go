package script

import "testing"

// shortCase is a script and whether it is short with 2, with 100 and with 1000
// keys and arguments.
type shortCase struct {
	text             string
	few, many, short bool
}

func TestShort(t *testing.T) {
	checkShort(t, []shortCase{
		{"return 1", true, true, true},
		{"if redis.call('get', KEYS[1]) then return redis.call('del', KEYS[1]) end", true, true, true},
		{"for i = 1, 100 do redis.call('incr', 'n') end", true, true, true},
		{"for i = 256, 1, -1 do end", true, true, true},
		{"for i = 1, 257 do end", false, false, false},
		{"for i = 1, 10 do for j = 1, 25 do end end", true, true, true},
		{"for i = 1, 10 do for j = 1, 26 do end end", false, false, false},
		{"for i = 1, 10 do end for j = 1, 250 do end", true, true, true},
		{"for i = 1, 1/0 do end", false, false, false},
		{"for i = 1, 10, 0 do end", false, false, false},
		{"for i = 1, 10, -1 do end", true, true, true},
		{"local n = 10 for i = 1, n do end", false, false, false},
		{"for i = 1, #ARGV do redis.call('incr', ARGV[i]) end", true, true, false},
		{"for i = 1, #ARGV, 2 do redis.call('set', ARGV[i], ARGV[i + 1]) end", true, true, false},
		{"for i = #ARGV, 1, -1 do end", false, false, false},
		{"for i = 1, #ARGV, -1 do end", false, false, false},
		{"for _, k in ipairs(KEYS) do redis.call('del', k) end", true, true, false},
		{"for _, k in ipairs(KEYS) do for _, v in ipairs(ARGV) do redis.call('sadd', k, v) end end", true, false, false},
		{"for _, k in ipairs(KEYS) do for j = 1, 2 do end end", true, true, false},
		{"for _, k in pairs(KEYS) do end", true, true, false},
		{"local pairs = f for _, k in pairs(KEYS) do end", false, false, false},
		{"for _, k in ipairs(KEYS) do KEYS[#KEYS + 1] = k end", false, false, false},
		{"for _, k in ipairs(ARGV) do table.insert(ARGV, k) end", false, false, false},
		{"local a = ARGV for _, k in ipairs(ARGV) do a[#a + 1] = k end", false, false, false},
		{"local ipairs = f for _, k in ipairs(ARGV) do end", false, false, false},
		{"for _, k in ipairs(ARGV) do local ARGV = KEYS end", false, false, false},
		{"for _, k in ipairs(redis.call('keys', '*')) do end", false, false, false},
		{"while false do end", false, false, false},
		{"if x then while false do end end", false, false, false},
		{"repeat until true", false, false, false},
		{"local function f() return f() end return f()", false, false, false},
		{"return pcall(function() end)", false, false, false},
		{"return loadstring('while true do end')()", false, false, false},
		{"return _G['loadstring']('while true do end')()", false, false, false},
		{"return unpack(ARGV)", true, true, true},
	})
}

// TestShortTables: elements far from the first take memory for all before them.
func TestShortTables(t *testing.T) {
	checkShort(t, []shortCase{
		{"local t = {} for i = 1, 100 do t[i] = {} t[i].x = 1 t[#t + 1] = 2 t[i + 1] = 3 end", true, true, true},
		{"local t = {} for i, k in ipairs(KEYS) do t[i] = k t[k] = i t[k .. i] = 1 t[ARGV[i]] = 2 end", true, true, false},
		{"local t = {1, 2, [5] = 6, x = 7} t[1024] = 1", true, true, true},
		{"local t = {} for i = 1, 100 do t[i] = {} t[i][200000] = 1 end", false, false, false},
		{"local t = {} for i = 1, 100 do t[i] = {[200000] = 1} end", false, false, false},
		{"local t = {} t[tonumber(ARGV[1])] = 1", false, false, false},
		{"local t, i = {}, 2e5 t[i] = 1", false, false, false},
		{"local t = {} for i = 200000, 200001 do t[i] = 1 end", false, false, false},
		{"local t = {} for i = 1, 1e6, 5000 do t[i] = 1 end", false, false, false},
		{"local t = {} for i = 1, 9, 2 do t[i] = 1 t[200 * 1000] = 1 end", false, false, false},
		{"local t = {} t[i + 5000] = 1", false, false, false},
		{"local t = {} for i = 1, 2 do local i = 2e5 t[i] = 1 end", false, false, false},
	})
}

// TestShortHelpers: functions that are called by their names only, and not by
// themselves.
func TestShortHelpers(t *testing.T) {
	checkShort(t, []shortCase{
		{"local function f(k) return redis.call('get', k) end return f(KEYS[1])", true, true, true},
		{"local f = function(k) return redis.call('get', k) end for _, k in ipairs(KEYS) do f(k) end", true, true, false},
		{"local function f() for _, k in ipairs(KEYS) do redis.call('del', k) end end for i = 1, 2 do f() end", true, true, false},
		{"local function f() for i = 1, 20 do end end for i = 1, 10 do f() end", true, true, true},
		{"local function f() for i = 1, 20 do end end for i = 1, 20 do f() end", false, false, false},
		{"local function f() for i = 1, 20 do end end local function g() for i = 1, 20 do f() end end g()", false, false, false},
		{"local function f(t) for _, k in ipairs(t) do end end f(KEYS)", false, false, false},
		{"local function f() while true do end end return 1", true, true, true},
		{"local function f() while true do end end f()", false, false, false},
		{"local function f() while true do end end if x then return {f()} end", false, false, false},
		{"local function f() g() end local function g() f() end f()", false, false, false},
		{"local g local function f() g() end g = function() f() end f()", false, false, false},
		{"local function f() end local function f() end f()", false, false, false},
		{"local function f() end for _, f in ipairs(KEYS) do f() end", false, false, false},
		{"local function f() end local t = {f} t[1]()", false, false, false},
		{"local function f() end pcall(f)", false, false, false},
		{"local t = {f = function() end} t.f()", false, false, false},
		{"local t = {} function t.f() end t.f()", false, false, false},
		{"local function f() return function() end end f()()", false, false, false},
		{"local function f() return _G end f()", false, false, false},
		{"local function a() end local function b() a() a() end local function c() b() b() end local function d() c() c() end " +
			"local function e() d() d() end local function f() e() e() end f()", true, true, true}, // 63 calls
		{"local function a() end local function b() a() a() end local function c() b() b() end local function d() c() c() end " +
			"local function e() d() d() end local function f() e() e() end f() f()", false, false, false},
	})
}

// TestShortPatterns: a text may match patterns that do not try everything there
// is.
func TestShortPatterns(t *testing.T) {
	var cases []shortCase
	for text, short := range map[string]bool{
		"return string.find(ARGV[1], 'a', 1, true)":              true,
		"return string.find(ARGV[1], ARGV[2], 1, true)":          true,
		"return string.find(ARGV[1], ARGV[2])":                   false,
		"return string.match(ARGV[1], '%d+')":                    true,
		"return string.match(ARGV[1], '(%d+)')":                  true,
		"return string.match(ARGV[1], '^%d+$')":                  true,
		"return string.match(ARGV[1], '%d+$')":                   false,
		"return string.match(ARGV[1], '^(.-):(.*)$')":            false,
		"return string.match(ARGV[1], 'a?b')":                    false,
		"return string.match(ARGV[1], '[^:]+')":                  true,
		"return string.match(ARGV[1], '[]+*-]x')":                true,
		"return string.match(ARGV[1], '[a-')":                    false,
		"return string.match(ARGV[1], '%')":                      false,
		"return string.match(ARGV[1], '%b()')":                   false,
		"return string.match(ARGV[1], '(a)%1')":                  false,
		"return string.gsub(ARGV[1], '%s+', '')":                 true,
		"return ARGV[1]:gsub('%s+', '')":                         true,
		"return ARGV[1]:gsub('%s+x', '')":                        false,
		"return ARGV[1]:match(ARGV[2])":                          false,
		"return string.gmatch(ARGV[1], '^a+b')()":                false,
		"local f = string.find return f(ARGV[1], ARGV[2])":       false,
		"local s = string return s.find(ARGV[1], ARGV[2])":       false,
		"return ('').find(ARGV[1], ARGV[2])":                     false,
		"return pcall(string.find, ARGV[1], ARGV[2])":            false,
		"if string.find(KEYS[1], ARGV[1]) then end":              false,
		"return string.rep('x', 10) .. string.format('%d', 1)":   true,
		"return string.match(string.match(ARGV[1], 'a+b'), 'a')": false,
	} {
		cases = append(cases, shortCase{text, short, short, short})
	}
	checkShort(t, cases)
}

func checkShort(t *testing.T, cases []shortCase) {
	t.Helper()
	for _, c := range cases {
		s, err := Compile("", c.text)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if few, many, short := s.Short(2), s.Short(100), s.Short(1000); few != c.few || many != c.many || short != c.short {
			t.Errorf("%s: short with 2, 100, 1000 arguments: %v %v %v, wanted %v %v %v", c.text, few, many, short, c.few, c.many, c.short)
		}
	}
}

func TestShortFunctions(t *testing.T) {
	const r = "redis.register_function"
	for _, c := range []struct {
		text  string
		few   bool // short with 2 keys and arguments
		short bool // short with 1000
	}{
		{r + "('f', function() return 1 end)", true, true},
		{r + "('f', redis.log)", false, false},
		{r + "{function_name = 'f', callback = function(keys, args) return redis.call('get', keys[1]) end}", true, true},
		{"local function g(keys) return #keys end " + r + "('f', g)", true, true},
		{"local function g(keys) return #keys end " + r + "{callback = g, function_name = 'f'}", true, true},
		{r + "('f', function(keys, args) for _, k in ipairs(keys) do redis.call('del', k) end end)", true, false},
		{r + "('f', function(keys, args) for i = 1, #args do redis.call('del', args[i]) end end)", true, false},
		{r + "('f', function(a, b, c) for _, k in ipairs(c) do end end)", false, false},
		{r + "('f', function(keys, args) keys[1] = 1 for _, k in ipairs(keys) do end end)", false, false},
		{r + "('f', function(keys, args) local keys = x for _, k in ipairs(keys) do end end)", false, false},
		{r + "('f', function(...) for _, k in ipairs(...) do end end)", false, false},
		{r + "('f', function() for _, k in ipairs(KEYS) do end end)", false, false},
		{r + "('f', function() while true do end end)", false, false},
		{"local n = 0 " + r + "('f', function() n = n + 1 return n end)", true, true},
		{"local n = 0 " + r + "('f', function() n = n + 1 for i = 1, n do end end)", false, false},
		{"local function g(x) return x + 1 end " + r + "('f', function(keys, args) return g(args[1]) end)", true, true},
		{"local function g(x) return g(x) end " + r + "('f', function(keys, args) return g(args[1]) end)", false, false},
		{"local function g(x) while x do end end " + r + "('f', function(keys, args) return g(args[1]) end)", false, false},
		{"local function g(x) while x do end end\n" + r + "('f', function(keys, args) return args[1] end)", true, true},
		{"local h = function() end local t = {h} " + r + "('f', function() t[1]() end)", false, false},
		{"local t = {} t.h = function() end " + r + "('f', function() t.h() end)", false, false},
		{"local redis = {register_function = function() end} local r = redis.register_function", false, false},
		{"local reg = " + r + " reg('f', function() end)", false, false},
		// Of functions on the same lines nobody knows which is which.
		{r + "('f', function() end) " + r + "('g', function() while true do end end)", false, false},
		{r + "('f', function() end)\n" + r + "('g', function() while true do end end)", true, true},
	} {
		lib, err := CompileLibrary("lib", "#!lua name=lib\n"+c.text)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		var f *Function
		if list, err := NewFunctionVM().Load(lib, &host{}); err == nil {
			f = list[0]
		} else { // nothing to call, and so nothing that is short
			f = &Function{bounds: bounds{unknown: true}}
		}
		if few, short := f.Short(2), f.Short(1000); few != c.few || short != c.short {
			t.Errorf("%s: short with 2, 1000 arguments: %v %v, wanted %v %v", c.text, few, short, c.few, c.short)
		}
	}
}
