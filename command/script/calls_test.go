package script

import (
	"fmt"
	"strings"
	"testing"
)

// form writes calls one behind the other: constants as they are, k and K for one
// key and for all, u and U for one unknown value and for any number of them.
func form(calls []Call) string {
	var out []string
	for _, c := range calls {
		var words []string
		for _, a := range c {
			words = append(words, [...]string{"u", "U", "'" + a.Text + "'", "k", "K"}[a.Kind])
		}
		out = append(out, strings.Join(words, " "))
	}
	return strings.Join(out, "; ")
}

func TestFindCalls(t *testing.T) {
	const lost = "lost"
	for _, c := range []struct{ text, want string }{
		{`return 1`, ""},
		{`if redis.call("get",KEYS[1]) == ARGV[1] then return redis.call("del",KEYS[1]) else return 0 end`, "'get' k; 'del' k"},
		{`local key, now = KEYS[1], ARGV[1] local j = redis.pcall("zrange", key, "-inf", now) if j[1] then redis.call("zrem", key, j[1]) end`, "'zrange' k '-inf' u; 'zrem' k u"},
		{`local call = redis.call; local n = call('incr', KEYS[#KEYS]); return {n, call('pexpire', KEYS[1], ARGV[1])}`, "'incr' k; 'pexpire' k u"},
		{`for i, k in ipairs(KEYS) do redis.call('set', k, ARGV[i]) end`, "'set' k u"},
		{`return redis.call('del', unpack(KEYS))`, "'del' K"},
		{`return redis.call('sadd', KEYS[1], unpack(ARGV))`, "'sadd' k U"},
		{`return redis.call('sadd', KEYS[1], (unpack(ARGV)))`, "'sadd' k u"},
		{`return redis.call('mset', unpack(KEYS), 'x')`, "'mset' k 'x'"},
		{`local a, b = unpack(KEYS) return redis.call('get', a) .. redis.call('get', b)`, "'get' k; 'get' u"},
		{`return redis.call('zunionstore', KEYS[1], 2, KEYS[2], KEYS[3])`, "'zunionstore' k '2' k k"},
		{`return redis.call('lpop', KEYS[1], 1e1)`, "'lpop' k u"},
		{`return redis.call('get', KEYS[1] .. ':x')`, "'get' u"},
		{`return redis.call('get', 'x')`, "'get' 'x'"},
		{`return redis.call(ARGV[1], KEYS[1])`, "u k"},
		{`local k = KEYS[1] k = ARGV[1] return redis.call('get', k)`, "'get' u"},
		{`local k = KEYS[1] local k = ARGV[1] return redis.call('get', k)`, "'get' u"},
		{`local k = KEYS[1] local f = function(k) return redis.call('get', k) end return f(ARGV[1])`, "'get' u"},
		{`local k = KEYS[1] for k = 1, 2 do redis.call('get', k) end`, "'get' u"},
		{`local function f() return KEYS[1] end return redis.call('get', f())`, "'get' U"},
		{`return cjson.encode({redis.sha1hex(KEYS[1]), redis.error_reply('x')})`, ""},
		// KEYS, or the way to it, goes elsewhere.
		{`KEYS[1] = 'x' return redis.call('get', KEYS[1])`, lost},
		{`table.insert(KEYS, 'x') return redis.call('get', KEYS[1])`, lost},
		{`local t = KEYS t[1] = 'x' return redis.call('get', KEYS[1])`, lost},
		{`local f, t = ipairs(KEYS) t[1] = 'x' return redis.call('get', KEYS[1])`, lost},
		{`for i, k in pairs(KEYS), nil do end`, lost},
		{`function KEYS.f() end`, lost},
		{`function KEYS:f() end`, lost},
		{`local KEYS = ARGV return redis.call('get', KEYS[1])`, lost},
		{`local unpack = function() return ARGV[1] end return redis.call('get', unpack(KEYS))`, lost},
		{`do local _VERSION = KEYS[1] end return redis.call('get', _VERSION)`, lost},
		// redis.call goes elsewhere.
		{`return pcall(redis.call, 'get', ARGV[1])`, lost},
		{`local r = redis return r.call('get', ARGV[1])`, lost},
		{`return redis['ca' .. 'll']('get', ARGV[1])`, lost},
		{`local c = redis.call local d = c return d('get', ARGV[1])`, lost},
		{`local c = redis.call c = print return c('get')`, lost},
		{`local t = {redis.call} return t[1]('get', ARGV[1])`, lost},
		{`return _G.redis.call('get', ARGV[1])`, lost},
		{`return loadstring("return redis.call('get', 'x')")()`, lost},
		{`return getfenv(0).redis.call('get', 'x')`, lost},
		{`redis.call = 1`, lost},
	} {
		s, err := Compile("sha", c.text)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		got := form(s.Calls)
		if !s.Known {
			got = lost
		}
		if got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.text, got, c.want)
		}
	}
}

// Long and deep scripts do not take the walk down.
func TestFindCallsInLongScripts(t *testing.T) {
	var b strings.Builder
	b.WriteString("local n = 0")
	for i := range 1000 {
		fmt.Fprintf(&b, " + #redis.call('get', KEYS[%d])", i+1)
	}
	s, err := Compile("sha", b.String())
	if err != nil {
		t.Fatal(err)
	}
	if !s.Known || len(s.Calls) != 1000 {
		t.Errorf("known %v, %d calls", s.Known, len(s.Calls))
	}
}
