package oracle

import (
	"math/rand/v2"
	"strconv"
	"strings"
)

// The keys. Each family has its own and now and then takes another's.
var (
	stringKeys = []string{"s1", "s2", "s3", "n1", "n2"}
	bitKeys    = []string{"b1", "b2", "b3"}
	// hllKeys are not among allKeys: see maskCounts.
	hllKeys    = []string{"p1", "p2", "p3"}
	setKeys    = []string{"t1", "t2", "t3"}
	hashKeys   = []string{"h1", "h2"}
	listKeys   = []string{"l1", "l2", "l3"}
	zsetKeys   = []string{"z1", "z2", "z3"}
	geoKeys    = []string{"g1", "g2"} // places only, but for distances
	lexKeys    = []string{"x1", "x2"} // all scores 0: else Redis leaves open what a range of names is
	streamKeys = []string{"r1", "r2"}
	oddKeys    = []string{"", "k[1]*", "\x00\xff\r\n"}
	allKeys    = join(stringKeys, bitKeys, setKeys, hashKeys, zsetKeys, listKeys, streamKeys, oddKeys)
)

// databases are the logical databases that streams use.
var databases = []int{0, 1, 15}

var (
	integers = []string{
		"0", "1", "2", "3", "7", "10", "-1", "-2", "-5", "100", "-100",
		"9223372036854775807", "-9223372036854775808", "9223372036854775806",
		"9223372036854775808", "-9223372036854775809", "4611686018427387904",
		"-0", "+1", "01", "1.5", "", " 1", "1 ", "abc",
	}
	positions = []string{"0", "1", "2", "3", "4", "-1", "-2", "-3", "100", "-100", "9223372036854775807",
		"-9223372036854775808", "x", "1.5"}
	// counts has no large negative number: Redis would reply for ever.
	counts = []string{"0", "1", "2", "3", "5", "50", "-1", "-2", "-7", "9223372036854775807",
		"-9223372036854775808", "4611686018427387904", "x"}
	offsets = []string{"0", "1", "2", "5", "40", "1100", "-1", "536870911000", "9223372036854775807", "x"}
	// bitPlaces has none near the end of the longest string: Redis would allocate it. Some
	// make strings that crdb changes in place, which are longer than 1 KiB.
	bitPlaces = []string{"0", "1", "7", "8", "15", "63", "100", "1000", "9999", "#0", "#1", "#7", "#-1", "#x", "-1", "x", "",
		"4294967296", "9223372036854775807", "#9223372036854775807"}
	widths = []string{"u1", "u2", "u8", "u7", "u63", "u64", "i1", "i5", "i8", "i16", "i63", "i64", "i65", "u0", "i0",
		"u-1", "x8", "u", "", "I8", "u08"}
	filled = []string{"\x00\x00\x00", "\xff\xff\xff", strings.Repeat("\xff", 30), strings.Repeat("\x00", 30) + "\x10", "\x00\xff\x0f", ""}
	// sketches are strings that are HyperLogLogs, or nearly.
	sketches = []string{
		"", "HYLL", "HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x7f\xff",
		"HYLL\x01\x00\x00\x00\x05\x00\x00\x00\x00\x00\x00\x00\x7f\xff",
		"HYLL\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x84\x7f\xfe",
		"HYLL\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x7f\xff",
		"HYLL\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\x7f\xff",
		"HYLL\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80" + strings.Repeat("\x00", 12288),
		"HYLL\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80" + strings.Repeat("\xa5", 12288),
		"HYLL\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80" + strings.Repeat("\x00", 12287),
	}
	cursors = []string{"0", "0", "0", "0", "0", "0", "", "-1", "x", "99999999999999999999", " 0", "0x"}
	floats  = []string{
		"1", "-1", "0", "0.5", "-0.25", "0.1", "3.0e3", "1.5e-3", "5.", ".5", "+2", "0x10", "0x1p-2", "1e17",
		"inf", "-inf", "nan", "1e5000", "1e-5000", "", " 1", "1 ", "abc", "1\x00", "-0.0", "123456789.123456789",
	}
	// scores has no integer from 10^17 on: ZSCAN would show how Redis stores it.
	scores = []string{
		"0", "1", "2", "3", "-1", "0.1", "0.2", "0.3", "1.1", "-2.5", "1e15", "9007199254740993", "1e-320", "1e-7",
		"1.7976931348623157e308", "-1.7976931348623157e308", "inf", "-inf", "+inf", "nan", "x", "", " 1", "0x10", "1e400",
		"3.141592653589793238", "5e-324", "123456.789", "-0.1", "nx",
	}
	// scoreEnds and lexEnds are ends of ranges.
	scoreEnds = []string{"-inf", "+inf", "(1", "1", "(2", "3", "0", "(-1", "0.1", "(0.3", "1e400", "", " 1", "(", "nan", "x", "(inf", "1 ", "-2.5"}
	lexEnds   = []string{"-", "+", "[a", "(a", "[c", "(c", "[", "(", "[zz", "(1", "a", "", "-x", "+x", "[\xff"}
	units     = []string{"m", "km", "KM", "ft", "mi", "mi", "km", "x", ""}
	radiuses  = []string{"0", "1", "100", "500", "1000", "3000", "12000", "0.5", "1e5", "-1", "x", "1e300", "inf", "5e6"}
	// values has many numbers, so that counters find something to add to. None is
	// longer than the 128 bytes that our error texts repeat of an argument.
	values = []string{
		"0", "1", "-1", "10", "9223372036854775807", "-9223372036854775808", "9223372036854775806",
		"1.5", "-0.1", "3.0e3", "0x1p3", "1e17", "inf", "nan", " 1", "1 ", "01", "-0", "1e-7",
		"", "x", "hello", "Hello World", "foo\x00bar", "\xff\xfe\r\n", "$-1\r\n", strings.Repeat("long", 30),
	}
	texts   = []string{"ohmytext", "mynewtext", "aaaa", "abcabcabc", "cabcab", "xaxbxc", ""}
	members = []string{
		"a", "b", "c", "d", "e", "f", "1", "2", "3", "-5", "9223372036854775807", "01", "", "\x00",
		"a member that is somewhat longer than the sixty-four bytes of a compact list's entries",
	}
	patterns = []string{
		"*", "*", "s*", "?1", "[st]1", "[^s]?", "h[1-2]", "k\\[1\\]*", "k[[]1]\\*", "**", "*1*", "", "[", "[^", "\\",
		"*[0-9]", "a*", "[a-c]", "*\xff*", "nothing",
	}
	types = []string{"string", "set", "hash", "HASH", "zset", "stream", "list", "nosuch", ""}
	// seconds and millis are lifetimes by O1; see farTime for the honest ones.
	seconds = []string{"-1", "0", "-100", "9223372036854775807", "-9223372036854775808", "9223372036854775",
		"9223372036854776", "-9223372036854776", "x", "", "1e3"}
	millis = []string{"-1", "0", "-100", "9223372036854775807", "-9223372036854775808", "9223370000000000000", "x", ""}
	// Absolute times far apart from each other and from now, by O2.
	unixTimes = []string{"4102444800", "4133980800", "7258118400", "32503680000", "1", "1000000000", "0", "-1",
		"9223372036854775807", "-9223372036854775808", "9223372036854775", "x"}
	unixMillis = []string{"4102444800000", "4102444800123", "4133980800500", "7258118400000", "1", "1000000000000",
		"0", "-1", "9223372036854775807", "-9223372036854775808", "x"}
	// oddTimeouts are errors, and one that is not.
	oddTimeouts = []string{"-1", "-1.5", "x", "", "nan", "inf", "-inf", "1e300", " 1", "1e-3"}
	dbs         = []string{"0", "1", "15", "16", "-1", "x", "99999999999", "1.5"}
	commands    = []string{"get", "SET", "hset", "sintercard", "copy", "lcs", "exec", "config|get", "nosuch", "ping", "sscan"}
)

// streamIDs are near each other, so that they are often there; "*" is not among
// them: it depends on the clock.
var (
	streamIDs = []string{"1-1", "1-2", "2-0", "2", "3-1", "4", "5-5", "10", "20-3", "50", "100-0", "150", "0", "0-0", "0-1",
		"18446744073709551615-18446744073709551615", "18446744073709551615", "18446744073709551616-0", "-", "+", "x", "1-x", "",
		"1-*", "+1-1", " 1", "007-1", "1--05", "-1-1", "(5"}
	groups    = []string{"g1", "g2", "g 3"}
	consumers = []string{"c1", "c2", "alice"}
	idles     = []string{"0", "-1", "x", "9223372036854775807", "100000000"}
)

// newID is most often the next of rising IDs.
func newID() form {
	ms := 0
	return func(r *rand.Rand, out []string) []string {
		switch r.IntN(6) {
		case 0:
			return append(out, pick(r, streamIDs))
		case 1:
			return append(out, strconv.Itoa(ms)+"-*")
		case 2:
			ms += r.IntN(3)
			return append(out, strconv.Itoa(ms))
		}
		ms++
		return append(out, strconv.Itoa(ms)+"-"+strconv.Itoa(r.IntN(3)))
	}
}

// idNear is one of the fixed IDs, or one that XADD may have added.
func idNear(r *rand.Rand, out []string) []string {
	if r.IntN(3) == 0 {
		return append(out, pick(r, streamIDs))
	}
	return append(out, strconv.Itoa(r.IntN(100))+"-"+strconv.Itoa(r.IntN(3)))
}

func bound(r *rand.Rand, out []string) []string {
	switch r.IntN(4) {
	case 0:
		return append(out, "-")
	case 1:
		return append(out, "+")
	case 2:
		return append(out, "("+idNear(r, nil)[0])
	}
	return idNear(r, out)
}

// trim is MAXLEN or MINID and what goes with it.
func trim(r *rand.Rand, out []string) []string {
	if r.IntN(2) == 0 {
		out = append(out, "MAXLEN")
		if r.IntN(3) > 0 {
			out = append(out, pick(r, []string{"~", "=", "="}))
		}
		out = append(out, pick(r, positions))
	} else {
		out = append(out, "minid")
		if r.IntN(3) > 0 {
			out = append(out, pick(r, []string{"~", "=", "="}))
		}
		out = idNear(r, out)
	}
	if r.IntN(5) == 0 {
		out = append(out, "LIMIT", pick(r, positions))
	}
	return out
}

func join(lists ...[]string) (all []string) {
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

func oneOf(words ...string) form {
	return func(r *rand.Rand, out []string) []string { return append(out, pick(r, words)) }
}

func pick(r *rand.Rand, words []string) string { return words[r.IntN(len(words))] }

// keyOf takes a key of a family, and one time in eight any.
func keyOf(family []string) form {
	return func(r *rand.Rand, out []string) []string {
		if r.IntN(8) == 0 {
			return append(out, pick(r, allKeys))
		}
		return append(out, pick(r, family))
	}
}

// farTime is most often a lifetime of days or years, in seconds times unit, and
// otherwise one of the borderline ones. No two come near each other (O2).
func farTime(unit int64, odd []string) form {
	return func(r *rand.Rand, out []string) []string {
		if r.IntN(3) == 0 {
			return append(out, pick(r, odd))
		}
		return append(out, strconv.FormatInt((100_000+1000*r.Int64N(1_000_000))*unit, 10))
	}
}

// numKeys is a number and as many keys.
func numKeys(keys []string) form {
	return func(r *rand.Rand, out []string) []string {
		n := 1 + r.IntN(3)
		out = append(out, strconv.Itoa(n))
		for range n {
			out = append(out, pick(r, keys))
		}
		return out
	}
}

// many is a run of numbered names, more than Redis keeps in a compact list;
// with value, each is followed by one.
func many(value bool) form {
	return func(r *rand.Rand, out []string) []string {
		from := r.IntN(100)
		for i := range 150 {
			out = append(out, "m"+strconv.Itoa(from+i))
			if value {
				out = append(out, strconv.Itoa(i))
			}
		}
		return out
	}
}

// numZSets is a number and as many keys, of sorted sets and now and then sets.
func numZSets(r *rand.Rand, out []string) []string {
	n := 1 + r.IntN(3)
	out = append(out, strconv.Itoa(n))
	for range n {
		out = append(out, pick(r, join(zsetKeys, zsetKeys, setKeys)))
	}
	return out
}

// manyScores is a run of scores and numbered names.
func manyScores(r *rand.Rand, out []string) []string {
	from := r.IntN(100)
	for i := range 150 {
		out = append(out, strconv.Itoa(r.IntN(40)), "m"+strconv.Itoa(from+i))
	}
	return out
}

// crowd is so many names that a HyperLogLog leaves its compact form.
func crowd(r *rand.Rand, out []string) []string {
	from := r.IntN(10_000)
	for i := range 100 + r.IntN(1500) {
		out = append(out, "c"+strconv.Itoa(from+i))
	}
	return out
}

// newPools names the pools for the forms. line takes a whole command.
func newPools(line form) map[string]form {
	return map[string]form{
		"str": keyOf(stringKeys), "bits": keyOf(bitKeys), "hll": oneOf(hllKeys...),
		"sketch": oneOf(sketches...), "dump": oneOf(dumps...), "sortby": oneOf("s*", "h*->a", "#", "n*", "h1->*", "nosuch", "*", "h*->", "*->1"), "crowd": crowd, "bitat": oneOf(bitPlaces...), "width": oneOf(widths...),
		"filled": oneOf(filled...), "set": keyOf(setKeys), "hash": keyOf(hashKeys), "list": keyOf(listKeys), "any": keyOf(allKeys),
		"stream": keyOf(streamKeys), "newid": newID(), "streamid": idNear, "bound": bound, "trim": trim,
		"group": oneOf(groups...), "consumer": oneOf(consumers...), "idle": oneOf(idles...),
		"val": oneOf(values...), "text": oneOf(texts...), "member": oneOf(members...),
		"int": oneOf(integers...), "pos": oneOf(positions...), "count": oneOf(counts...),
		"offset": oneOf(offsets...), "float": oneOf(floats...), "cursor": oneOf(cursors...),
		"pattern": oneOf(patterns...), "type": oneOf(types...), "db": oneOf(dbs...),
		"secs": farTime(1, seconds), "ms": farTime(1000, millis),
		"unix": oneOf(unixTimes...), "unixms": oneOf(unixMillis...),
		"geo": oneOf(geoKeys...), "place": place, "unit": oneOf(units...), "radius": oneOf(radiuses...), "manyplaces": manyPlaces,
		"zset": keyOf(zsetKeys), "lex": oneOf(lexKeys...), "score": oneOf(scores...), "end": oneOf(scoreEnds...),
		"lexend": oneOf(lexEnds...), "manyscores": manyScores, "numzsets": numZSets,
		"many": many(false), "manypairs": many(true), "numsets": numKeys(setKeys), "numlists": numKeys(listKeys), "odd": oneOf(oddTimeouts...), "command": oneOf(commands...), "line": line,
		"script": script, "program": luaProgram, "scriptcall": scriptCall, "library": library, "libname": oneOf("lib0", "lib1", "lib2", "nosuch"), "funcname": oneOf("f0", "f1", "f2", "g0", "g1", "nosuch"),
		"aboutname": oneOf(commandNames...), "namepattern": oneOf(namePatterns...), "infoname": oneOf(infoNames...), "loose": oneOf(loose...),
		"latencyevent": oneOf("command", "fast-command", "nosuch", ""),
		"user":         oneOf(aclUsers...), "rule": oneOf(aclRules...), "rulechannel": oneOf("news", "news.*", "n", "other", ""),
	}
}
