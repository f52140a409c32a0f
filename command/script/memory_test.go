package script

import (
	"strings"
	"testing"

	"crdb/resp"
)

// fullHost is a host that has no memory left.
type fullHost struct{ host }

func (h *fullHost) Crowded() bool { return true }

// TestMemoryIsLookedAt: what makes much of little ends where memory does, also on the spot,
// where nobody watches.
func TestMemoryIsLookedAt(t *testing.T) {
	if testing.Short() {
		t.Skip("fills memory")
	}
	many := strings.Repeat
	for _, c := range []struct{ body, arg, reply string }{
		{body: "return #cjson.decode('[' .. ARGV[1] .. '1]')", arg: many("[],", 300000)},
		{body: "return #cjson.decode('[' .. ARGV[1] .. '1]')", arg: many(`{"a":1},`, 300000)},
		{body: "return cmsgpack.unpack(ARGV[1])", arg: "\xdd\x00\x04\x93\xe0" + many("\x90", 300000)},
		{body: "return cmsgpack.unpack(ARGV[1])", arg: "\xdc\x01\x00" + many("\x81\xce\x00\x03\x0d\x40\x01", 256)},
		{body: "local ts = {} for i = 1, 100 do ts[i] = {} rawset(ts[i], 200000, 1) end return #ts"},
		{body: "local ts = {} for i = 1, 100 do ts[i] = {} table.insert(ts[i], 200000, 1) end return #ts"},
		{body: "local r = {} for i = 1, 256 do r[i] = redis.call('lrange', 'l', 0, -1) end", reply: "*200000\r\n" + many(":1\r\n", 200000)},
	} {
		s, err := Compile("", c.body)
		if err != nil {
			t.Fatal(err)
		}
		w := resp.Writer{Proto: 2}
		NewVM().Run(s, &fullHost{host{reply: c.reply}}, nil, [][]byte{[]byte(c.arg)}).WriteTo(&w)
		if got := string(w.Buf); !strings.Contains(got, "not enough memory") {
			t.Errorf("%s: %.200q", c.body, got)
		}
	}
}

// TestBytesOnTheSpot: what nobody can end makes so many bytes of strings and no more; what
// can be ended goes on.
func TestBytesOnTheSpot(t *testing.T) {
	defer func(n int) { spotBytes = n }(spotBytes)
	spotBytes = 100_000
	vm := NewVM()
	for _, made := range []string{"string.rep('x', 1000)", "s:upper()", "s:reverse()", "s .. i", "string.format('%s', s)", "s:gsub('x', 'y')", "table.concat({s, s})"} {
		body := "local s, n = string.rep('x', 1000), 0 for i = 1, %d do n = n + #(" + made + ") end return n > 0"
		if got := run(t, vm, strings.Replace(body, "%d", "200", 1)); !strings.Contains(got, "too many steps") {
			t.Errorf("%s: %s", made, got)
		}
		if got := run(t, vm, strings.Replace(body, "%d", "30", 1)); got != ":1" {
			t.Errorf("%s: %s", made, got)
		}
		if got := run(t, vm, strings.Replace(body, "%d", "500", 1)); got != ":1" {
			t.Errorf("%s, where it can be ended: %s", made, got)
		}
	}
}

// TestFarElements: elements that gopher-lua hashes are elements as others are.
func TestFarElements(t *testing.T) {
	if testing.Short() {
		t.Skip("fills memory")
	}
	const fill = "local n = 264000 local t = {} for i = 1, n do t[i] = i end "
	vm := NewVM()
	for body, want := range map[string]string{
		fill + "return #t": ":264000",
		fill + "t[#t + 1] = 1 t[#t + 1] = 1 return #t":                                                            ":264002",
		fill + "table.insert(t, 7) return {#t, t[264001], table.getn(t)}":                                         "*3\r\n:264001\r\n:7\r\n:264001",
		fill + "table.insert(t, 1, 7) return {#t, t[1], t[2], t[264001]}":                                         "*4\r\n:264001\r\n:7\r\n:1\r\n:264000",
		fill + "return {table.remove(t), #t, table.remove(t, 1), #t, t[1], t[263998]}":                            "*6\r\n:264000\r\n:263999\r\n:1\r\n:263998\r\n:2\r\n:263999",
		fill + "for i = n, 1, -1 do if table.remove(t) ~= i then return i end end return #t":                      ":0",
		fill + "table.sort(t, function(a, b) return a > b end) return {t[1], t[n]}":                               "*2\r\n:264000\r\n:1",
		fill + "t[1], t[n] = t[n], t[1] table.sort(t) return {t[1], t[n]}":                                        "*2\r\n:1\r\n:264000",
		fill + "local s = 0 for i, v in ipairs(t) do s = s + v end return s":                                      ":34848132000",
		fill + "local s = 0 table.foreachi(t, function(i, v) s = s + v end) return s":                             ":34848132000",
		fill + "local s = 0 for k, v in pairs(t) do s = s + v end return s":                                       ":34848132000",
		fill + "return {#table.concat(t, ','), #cjson.encode(t), unpack(t, n - 1)}":                               "*4\r\n:1736894\r\n:1736896\r\n:263999\r\n:264000",
		fill + "local u = cmsgpack.unpack(cmsgpack.pack(t)) return {#u, u[n]}":                                    "*2\r\n:264000\r\n:264000",
		"local t = {} t[4194303] = 1 t[300000] = 2 local s = 0 for k in pairs(t) do s = s + k end return {s, #t}": "*2\r\n:4494303\r\n:0",
	} {
		if got := run(t, vm, body); got != want {
			t.Errorf("%s:\n got %.200q\nwant %q", body, got, want)
		}
	}
}
