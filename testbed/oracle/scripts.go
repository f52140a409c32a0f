package oracle

import (
	"math/rand/v2"
	"strconv"
	"strings"
)

// This file makes random Lua: scripts of a few statements over values that are
// borderline for what becomes of them. Whatever comes of a script must be the
// same on both servers, so it is left out what Lua leaves to chance (the order
// of pairs) or words in its own way (names of variables in errors).

// scriptKeys are the keys that scripts use: of all types.
var scriptKeys = join(stringKeys[:2], setKeys[:1], hashKeys[:1], listKeys[:1], zsetKeys[:1], streamKeys[:1])

// luaValues are values that a script makes out of nothing.
var luaValues = []string{
	"nil", "true", "false", "0", "-#''", "1", "-1", "1.5", "-1.9", "2^53", "2^53+1", "2^63", "-2^63", "1e300", "1/0", "-1/0", "0/0", "1e-7", "0.1",
	"3.0", "'x'", "''", "'12'", "' 12 '", "'0x10'", "'a\\0b'", "'\\r\\n'", "'\\255'", "ARGV[1]", "ARGV[2]", "ARGV[3]", "KEYS[1]", "#ARGV", "#KEYS",
	"{}", "{1,2,3}", "{1,nil,3}", "{nil,1}", "{'a',{1,{2}},true}", "{false,true}", "{1.5,'1.5'}", "{ok='fine'}", "{err='ERR mine'}", "{err='plain'}", "{ok=1}",
	"{double=1.5}", "{map={a=1}}", "{set={a=true}}", "{big_number='12345678901234567890'}",
	"string.rep('x',70)", "redis.status_reply('fine')", "redis.error_reply('bad')", "redis.error_reply('-BAD it')", "redis.error_reply('')",
}

// luaCalls are expressions; %v is a value, %s a text, %n a number, %c a command.
var luaCalls = []string{
	"redis.call(%c)", "redis.call(%c)", "redis.pcall(%c)", "redis.pcall(%c)", "redis.pcall(%c)", "redis.sha1hex(%s)", "type(redis.pcall(%c))",
	"redis.status_reply(%s)", "redis.error_reply(%s)", "redis.pcall(%v)", "redis.pcall('GET',%v)", "redis.pcall('SET',KEYS[1],%v)",
	"tostring(%n)", "tonumber(%s)", "type(%v)", "select('#',%v,%v)", "select(2,%v,%v)", "not %v", "%v==%v",
	"string.sub(%s,%n)", "string.sub(%s,%n,%n)", "string.byte(%s,1,-1)", "string.byte(%s,%i)", "string.len(%s)", "string.reverse(%s)", "string.upper(%s)", "string.lower(%s)",
	"string.find(%s,%p)", "string.find(%s,%s,1,true)", "string.match(%s,%p)", "string.gsub(%s,%p,'<%%%%0>')",
	"string.gmatch(%s,%p)()", "string.gsub(%s,%p,string.upper)", "string.gsub(%s,%p,{x='y',b=%v},%i)", "string.find(%s,%p,%n)", "string.match(%s,%p,%i)",
	"string.format('%%d',%n)", "string.format('%%5.2f|%%-5d|%%05d',%n,%i,%i)", "string.format('%%s %%q',%s,%s)", "string.format('%%x %%X %%o',%i,%i,%i)", "string.format('%%g',%n)",
	"string.format('%%10s|%%-20s|%%.3s|%%5c',%s,%s,%s,%i)", "string.format('%%010.1f|%%#x|%%+d|%%-8u|%%#o',%n,%i,%n,%i,%n)",
	"string.format('%%e',%n)", "string.format('%%c',65)", "string.format('%%i',%s)", "string.char(%i)", "string.rep(%s,3)",
	"table.concat({%s,%s,%i},%s)", "table.concat({%v,%s})", "#{%v,%v}", "math.floor(%n)", "math.ceil(%n)", "math.abs(%n)", "math.max(%n,%n)", "math.fmod(%n,3)", "%n%%2", "%n*%n", "%n..%s",
	"math.sqrt(%n)", "math.modf(%n)", "math.pow(%n,2)", "unpack({1,2,%v})", "pcall(error,%s)", "pcall(redis.call,%c)",
	"cjson.encode(%v)", "cjson.encode({%v,%v})", "cjson.encode({a=%v})", "cjson.decode(%j)", "cjson.encode(cjson.decode(%j))", "type(cjson.decode(%j))",
	"cmsgpack.pack(%v)", "cmsgpack.pack(%v,%v)", "cmsgpack.unpack(cmsgpack.pack(%v))", "cmsgpack.unpack(%m)",
	"bit.tobit(%n)", "bit.tohex(%n)", "bit.tohex(%n,%i)", "bit.band(%n,%n)", "bit.bor(%n,%i)", "bit.bxor(%i,%i)", "bit.bnot(%n)", "bit.lshift(%n,%i)", "bit.rshift(%n,%i)",
	"bit.arshift(%n,%i)", "bit.rol(%n,%i)", "bit.bswap(%n)",
	"struct.pack(%f,%i,%i)", "struct.unpack('b',%s)", "struct.unpack('>I2',%s)", "struct.unpack(%f,struct.pack(%f,%i,%i))", "struct.size(%f)", "struct.pack('s',%s)", "struct.pack('>d',%n)", "struct.unpack('c0','abc')",
	"math.log10(%n)", "math.log(%n)", "math.exp(%i)", "%n^%n", "math.pow(%i,%n)", "math.deg(%n)", "math.rad(%n)", "math.ldexp(%n,%i)", "math.frexp(%n)", "math.mod(%n,%n)", "math.fmod(%n,%n)",
	"(function() math.randomseed(%n) return tostring(math.random())..math.random(%i)..math.random(%i,%n) end)()",
	"table.concat((function(t) table.sort(t,function(a,b) return a%%3<b%%3 end) return t end)({%i,%i,%i,%i,%i,%i,%i,%i}),' ')",
	"table.concat((function(t) table.sort(t,function(a,b) return a<=b end) return t end)({%i,%i,%i,%i,%i}),' ')", "(function(t) table.sort(t) return t end)({%i,%i,'b'})",
	"(function(t) table.insert(t,%i,'z') return {t[1],t[2],t[4]} end)({1,2,3})", "table.remove({1,2,3},%i)", "table.maxn({[%i]=1,[%n]=2})", "#{%i,n=tostring(%i)}", "({%i,n=redis.pcall(%c)})[2]",
	"cmsgpack.unpack_one(%m,%i)", "cmsgpack.unpack_limit(%m,%i,%i)", "struct.unpack(%f,'\\1\\2\\255\\128\\0\\3abcdefghijklmnop',%i)", "struct.pack(%f,%n,%n)", "tonumber(%s,%i)", "string.rep(%s,-1)", "string.char(%i,%i)",
	"string.format(%o,%n)", "string.format(%o,%n)", "string.format(%o,%s)", "(function(t) t[300000*%i]=1 return #t end)({})", "(%v).x.y", "(%v)()", "(%v):m(%i)", "(%v)+%n", "%n-(%v)", "-(%v)",
	"(%v)..%s", "%s..(%v)", "#(%v)", "(function(a,b) return a.x.y end)(%v)", "(function(a) local b=a return b*2 end)(%v)", "(function(a) for i,v in ipairs({a}) do return v.x.y end end)(%v)",
	"(function() local a,b=%v,%v return b.x.y end)()", "(function(a) return function() return a.x end end)(%v)()", "pcall(function(a) a.b.c=1 end,%v)", "pcall(function(a) return a.b() end,%v)",
}

var (
	luaTexts = []string{"''", "'x'", "'hello world'", "'a.b-c'", "'0x1F'", "'-12'", "'1e3'", "' 7'", "'aXbXc'", "ARGV[1]", "ARGV[2]", "KEYS[1]", "'\\200\\255'",
		"'%'", "string.rep('ab',20)", "'101'", "'\"\\\\\\n'"}
	luaNumbers = []string{"0", "1", "-1", "2", "3.7", "-3.7", "255", "256", "2^31", "2^31-1", "-2^31", "2^32", "2^53", "1e15", "1e16", "1e100", "0.1", "1/3", "-0.5", "'10'", "100000", "1e21", "1000", "5e-324", "27", "2^63", "2^64"}
	luaInts    = []string{"0", "1", "2", "3", "5", "8", "-1", "-2", "31", "32", "33", "65", "255"}
	luaPats    = []string{"'.'", "'%a+'", "'(%w)(%w)'", "'^h'", "'o$'", "'[%d.]+'", "'[^a-c]*'", "'%s*'", "'()'", "'x?'", "'.-b'", "'%%'", "'l+'", "''", "'%b()'", "'%f[%w]%a*'", "'(.)%1'",
		"'a\\0b'", "'[]]'", "'[^%'", "'[b'", "'(()'", "'%2'", "'-12$'", "ARGV[1]"}
	luaJSON = []string{"'1'", "'[1,2,null]'", "'{\"a\":[true,false]}'", "'{'", "'\"\\\\u00e9\"'", "'1e400'", "'[]'", "'{}'", "'nul'", "'  3 '", "'[1.5,-2]'", "'\"x\"'", "''", "'01'", "'[[[[1]]]]'",
		"'+1'", "'0x1F'", "'-inf'", "'[nan(x)]'", "'1.e2'", "'[1]\\0'", "'[-]'", "'\"\\\\ud83d\\\\ude00\"'", "'\"\\\\ud83d\"'", "'{\"a\" 1}'", "'[1,]'", "'12345678901234567890'", "'\"a\\0\"'"}
	luaPacked = []string{"'\\1'", "'\\147\\1\\2\\3'", "'\\192'", "'\\203'", "''", "'\\161a'", "'\\129\\161a\\1'", "'\\255'", "'\\205\\1\\0'", "'\\1\\2'", "'\\193'",
		"'\\207\\255\\1\\2\\3\\4\\5\\6\\7'", "'\\211\\255\\1\\2\\3\\4\\5\\6\\7'", "'\\202\\63\\128\\0\\0'", "'\\129\\192\\1'", "'\\220\\0\\2\\1\\255'", "'\\217\\5ab'", "'\\222\\0\\1\\1\\195'"}
	luaFormats = []string{"'bB'", "'>hH'", "'<iI'", "'>i3I4'", "'!4bi'", "'lL'", "' b b'", "'I8i8'", "'xbb'", "'<fd'", "'>i9'", "'!bd'", "'c1c0'", "'bc0'", "'=i'", "'i33'", "'!3i'", "'c'", "'z'", "'i0'", "'<I5>I5'"}
)

// scriptCommands are what scripts call: with replies of all kinds, and errors.
var scriptCommands = []string{
	"'GET',KEYS[1]", "'SET',KEYS[1],ARGV[1]", "'SET',KEYS[1],%n", "'INCR',KEYS[1]", "'INCRBYFLOAT',KEYS[1],%n", "'APPEND',KEYS[2],%s", "'DEL',KEYS[1],KEYS[2]",
	"'RPUSH',KEYS[1],%s,%i", "'LRANGE',KEYS[1],0,-1", "'LPOP',KEYS[1]", "'LPOP',KEYS[1],2", "'SADD',KEYS[2],%s", "'SISMEMBER',KEYS[2],'x'", "'SMISMEMBER',KEYS[2],'x','y'",
	"'HSET',KEYS[1],'f',%s", "'HGET',KEYS[1],'f'", "'HMGET',KEYS[1],'f','g'", "'HINCRBYFLOAT',KEYS[1],'f','1.5'", "'ZADD',KEYS[1],%i,%s", "'ZSCORE',KEYS[1],'x'", "'ZRANGE',KEYS[1],0,-1,'WITHSCORES'",
	"'ZADD',KEYS[1],'INCR','1.5','m'", "'ZINCRBY',KEYS[1],0.1,'m'", "'TYPE',KEYS[1]", "'EXISTS',KEYS[1],KEYS[2]", "'EXPIRE',KEYS[1],1000000", "'PERSIST',KEYS[1]", "'RENAME',KEYS[1],KEYS[2]",
	"'PING'", "'PING','x'", "'ECHO',%s", "'SELECT','1'", "'SELECT','0'", "'PUBLISH','c',%s", "'NOSUCH'", "'GET'", "'GET','a','b'", "'SUBSCRIBE','c'", "'MULTI'", "'BLPOP',KEYS[1],'0'",
	"'XADD',KEYS[1],'1-1','a',%s", "'XADD',KEYS[1],'*','a'", "'XRANGE',KEYS[1],'-','+'", "'XLEN',KEYS[1]", "'COPY',KEYS[1],KEYS[2]", "'SETRANGE',KEYS[1],%i,%s", "'GETRANGE',KEYS[1],%i,-1",
	"'BITCOUNT',KEYS[1]", "'CLIENT','ID','x'", "'CONFIG','GET','maxmemory-policy'", "'EVAL','return 1','0'", "'WAIT','0','0'", "'LCS',KEYS[1],KEYS[2]", "'GEOADD',KEYS[1],13,38,'p'", "'GEOPOS',KEYS[1],'p','q'",
	"'SORT',KEYS[1],'ALPHA'", "'LINSERT',KEYS[1],'BEFORE','x','y'", "unpack({'SET',KEYS[1],'u'})", "'SET',KEYS[1],'v','GET'", "'MSET',KEYS[1],'1',KEYS[2],'2'", "'FLUSHDB'", "'PFADD',KEYS[1],%s", "'PFCOUNT',KEYS[1]",
}

// luaFill fills in what a pattern leaves open.
func luaFill(r *rand.Rand, text string, depth int) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '%' || i+1 == len(text) {
			b.WriteByte(text[i])
			continue
		}
		i++
		switch text[i] {
		case 'v':
			b.WriteString(luaValue(r, depth-1))
		case 's':
			b.WriteString(pick(r, luaTexts))
		case 'n':
			b.WriteString("(" + pick(r, luaNumbers) + ")")
		case 'i':
			b.WriteString(pick(r, luaInts))
		case 'p':
			b.WriteString(pick(r, luaPats))
		case 'j':
			b.WriteString(pick(r, luaJSON))
		case 'm':
			b.WriteString(pick(r, luaPacked))
		case 'f':
			b.WriteString(pick(r, luaFormats))
		case 'o':
			b.WriteString(luaPrintf(r))
		case 'c':
			b.WriteString(luaFill(r, pick(r, scriptCommands), depth))
		default:
			b.WriteByte(text[i])
		}
	}
	return b.String()
}

// luaPrintf makes a format of one directive.
func luaPrintf(r *rand.Rand) string {
	flags := pick(r, []string{"", "", "-", "+", " ", "#", "0", "-0", "+ ", "#0", "-+ #0"})
	return "'%" + flags + pick(r, []string{"", "", "5", "12", "99"}) + pick(r, []string{"", "", ".", ".0", ".3", ".20"}) + pick(r, strings.Split("diouxXeEfgGcsq", "")) + "'"
}

// luaValue makes an expression.
func luaValue(r *rand.Rand, depth int) string {
	if depth <= 0 || r.IntN(3) == 0 {
		return pick(r, luaValues)
	}
	return luaFill(r, pick(r, luaCalls), depth)
}

// luaBody makes statements that end with what is returned.
func luaBody(r *rand.Rand) string {
	var b strings.Builder
	if r.IntN(5) == 0 {
		b.WriteString("redis.setresp(3) ")
	}
	n := r.IntN(4)
	for i := range n {
		name := "v" + strconv.Itoa(i)
		switch r.IntN(6) {
		case 0:
			b.WriteString(luaFill(r, "redis.call(%c) ", 1))
		case 1:
			b.WriteString(luaFill(r, "local "+name+"={} for i=1,%i do "+name+"[i]=i*%n end ", 1))
		case 2:
			b.WriteString("local " + name + " if " + luaValue(r, 1) + " then " + name + "=" + luaValue(r, 2) + " else " + name + "=" + luaValue(r, 1) + " end ")
		default:
			b.WriteString("local " + name + "=" + luaValue(r, 2) + " ")
		}
	}
	back := luaValue(r, 3)
	if n > 0 && r.IntN(2) == 0 {
		back = "{" + back
		for i := range n {
			if strings.Contains(b.String(), "local v"+strconv.Itoa(i)+"=") {
				back += ",v" + strconv.Itoa(i)
			}
		}
		back += "}"
	}
	return b.String() + "return " + back
}

// scriptCall is the keys and arguments of a script.
func scriptCall(r *rand.Rand, out []string) []string {
	return append(out, "2", pick(r, scriptKeys), pick(r, scriptKeys), pick(r, values), pick(r, values))
}

func script(r *rand.Rand, out []string) []string { return append(out, luaBody(r)) }

// library makes the code of a library with up to two functions.
func library(r *rand.Rand, out []string) []string {
	n := strconv.Itoa(r.IntN(3))
	code := "#!lua name=lib" + n + "\nredis.register_function('f" + n + "', function(KEYS,ARGV) " + luaBody(r) + " end)"
	switch r.IntN(6) {
	case 0:
		code += "\nredis.register_function{function_name='g" + n + "', callback=function(KEYS,ARGV) " + luaBody(r) + " end, flags={'no-writes'}}"
	case 1:
		code += "\nredis.register_function('" + pick(r, []string{"f", "h"}) + n + "', function() return 1 end)"
	case 2:
		code += "\n" + pick(r, []string{"foo=1", "error('x')", "redis.call('PING')", "return 1", "local x=bar"})
	}
	return append(out, code)
}

// scriptForms are the commands of scripts and functions.
var scriptForms = []string{
	"EVAL <script> <scriptcall>", "EVAL <script> <scriptcall>", "EVAL <script> <scriptcall>", "EVAL <script> <scriptcall>", "EVAL_RO <script> <scriptcall>",
	"EVAL <program> 0", "EVAL <program> 0", "EVAL <script> (0|1 s1|-1|x|9)", "EVALSHA <val> 0", "EVALSHA_RO e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0", "EVALSHA e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0",
	"SCRIPT LOAD <script>", "SCRIPT EXISTS <val> e0e1f9fabfc9d4800c877a703b823ac0578ff8db", "SCRIPT FLUSH (SYNC|ASYNC|<val>)", "SCRIPT (KILL|<val>)", "SCRIPT LOAD (x=|return 1)",
	"FUNCTION LOAD [REPLACE] <library>", "FUNCTION LOAD REPLACE <library>", "FUNCTION LOAD REPLACE <library>", "FUNCTION DELETE <libname>", "FUNCTION FLUSH [(SYNC|x)]", "FUNCTION STATS",
	"FUNCTION LIST LIBRARYNAME <libname> [WITHCODE]", "FUNCTION (KILL|<val>)", "FUNCTION RESTORE <val> [(FLUSH|APPEND|REPLACE|x)]",
	"FCALL <funcname> <scriptcall>", "FCALL <funcname> <scriptcall>", "FCALL <funcname> <scriptcall>", "FCALL_RO <funcname> <scriptcall>", "FCALL <funcname> (0|x|-1)",
	"SET (s1|s2) <val>", "HSET h1 f <val>", "RPUSH l1 <val> x", "ZADD z1 1 x 2.5 m", "SADD t1 x", "DEL <any>",
}
