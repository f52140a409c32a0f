package oracle

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// talkForms are what connections do to each other.
var talkForms = map[string][]string{
	"listen": {
		"SUBSCRIBE <channel>+",
		"SUBSCRIBE <channel>",
		"PSUBSCRIBE <chanpattern>+",
		"PSUBSCRIBE <keypattern>",
		"SSUBSCRIBE <channel>+",
		"UNSUBSCRIBE <channel>+",
		"UNSUBSCRIBE",
		"PUNSUBSCRIBE <chanpattern>+",
		"PUNSUBSCRIBE",
		"SUNSUBSCRIBE <channel>+",
		"SUNSUBSCRIBE",
		"PUBLISH <channel> <val>",
		"PUBLISH <channel> <val>",
		"PUBLISH <channel> <val>",
		"SPUBLISH <channel> <val>",
		"SPUBLISH <channel> <val>",
		"PUBSUB CHANNELS [<chanpattern>]",
		"PUBSUB NUMSUB <channel>*",
		"PUBSUB NUMPAT",
		"PUBSUB SHARDCHANNELS [<chanpattern>]",
		"PUBSUB SHARDNUMSUB <channel>*",
		"PUBSUB (NUMSUB|NUMPAT|CHANNELS|SHARDNUMSUB|x) <val>*",
		"PING",
		"PING <val>",
	},
	"leave": {
		"RESET",
		"QUIT",
		"QUIT <val>",
		"CLIENT REPLY (OFF|SKIP|ON|<val>)",
		"CLIENT REPLY OFF",
		"CLIENT REPLY SKIP",
		"HELLO (2|3|3|4)",
		"HELLO",
		"CLIENT SETNAME (one|two|<val>)",
		"CLIENT GETNAME",
		"CLIENT KILL ID <conn>",
		"CLIENT NO-EVICT on",
		"SELECT (0|0|1)",
	},
	"wait": {
		"BLPOP <wlist>+ 0",
		"BRPOP <wlist>+ 0",
		"BLPOP <wkey>+ 0",
		"BLMOVE <wlist> <wlist> (LEFT|RIGHT) (LEFT|RIGHT) 0",
		"BRPOPLPUSH <wlist> <wlist> 0",
		"BLMPOP 0 2 <wlist> <wlist> (LEFT|RIGHT) [COUNT (1|2|5)]",
		"BZPOPMIN <wzset>+ 0",
		"BZPOPMAX <wkey>+ 0",
		"BZMPOP 0 2 <wzset> <wzset> (MIN|MAX) [COUNT (1|2|5)]",
		"XREAD [COUNT 2] BLOCK 0 STREAMS r1 r2 ($|0) ($|5)",
		"XREAD BLOCK 0 STREAMS <wkey> $",
		"XREADGROUP GROUP g1 c1 [COUNT 2] BLOCK 0 STREAMS r1 >",
		"XREADGROUP GROUP g1 (c1|c2) [NOACK] BLOCK 0 STREAMS r1 r2 > >",
		"CLIENT UNBLOCK <conn> [(TIMEOUT|ERROR|x)]",
	},
	"wake": {
		"LPUSH <wkey> <val>+",
		"RPUSH <wlist> <val>",
		"RPUSH <wlist> <val>",
		"LPUSH <wlist> a b c",
		"ZADD <wkey> 1 a 2 b",
		"ZADD <wzset> 3 <member>",
		"ZADD <wzset> 3 <member> 2 <member> 1 <member>",
		"DEL <wkey>",
		"DEL <wkey> <wkey> <wkey>",
		"RENAME <wkey> <wkey>",
		"COPY <wkey> <wkey> REPLACE",
		"MOVE <wkey> 1",
		"SORT <wlist> BY nosort STORE <wlist>",
		"RESTORE <wkey> 0 <dump> REPLACE",
		"ZRANGESTORE <wzset> <wzset> 0 -1",
		"ZUNIONSTORE <wzset> 2 <wzset> <wzset>",
		"LMOVE <wlist> <wlist> LEFT RIGHT",
		"SET <wkey> x",
		"XADD <wstream> <newid> a 1",
		"XADD <wstream> <newid> a 1",
		"XGROUP CREATE <wstream> g1 $ MKSTREAM",
		"XGROUP CREATE <wstream> g1 0 MKSTREAM",
		"XGROUP DESTROY <wstream> g1",
		"EVAL <wakescript> 2 <wkey> <wlist>",
		"FLUSHDB",
	},
}

// wakeScripts wake clients out of scripts.
var wakeScripts = []string{
	"redis.call('RPUSH',KEYS[2],'s') return redis.pcall('ZADD',KEYS[1],1,'s')",
	"redis.call('DEL',KEYS[1]) return redis.call('RPUSH',KEYS[1],'x','y')",
	"redis.call('PUBLISH','news',KEYS[1]) return {redis.call('RPUSH',KEYS[2],'1'),redis.call('LPOP',KEYS[2])}",
}

var (
	waitKeys     = []string{"l1", "l2", "l3", "z1", "z2", "r1", "r2"}
	channels     = []string{"news", "news.a", "news.b", "n", "", "\x00\xff\r\n"}
	chanPatterns = []string{"*", "news*", "news.?", "n", "[n]ews", "", "x*", "__key*"}
	eventFlags   = "KEg$lshztxedn"
)

// newTalks makes a generator of talks: of a random part of all families.
func newTalks(seed uint64) *generator {
	g := newGenerator(seed)
	pools := newPools(func(r *rand.Rand, out []string) []string { return append(out, g.command()...) })
	for name, f := range map[string]form{
		"channel": oneOf(channels...), "keypattern": oneOf("__key*", "__keyspace@0__:*", "__keyevent@*"), "chanpattern": oneOf(chanPatterns...), "wakescript": oneOf(wakeScripts...),
		"wkey": oneOf(waitKeys...), "wlist": oneOf(listKeys...), "wzset": oneOf(zsetKeys[:2]...), "wstream": oneOf(streamKeys...),
		"conn": func(r *rand.Rand, out []string) []string {
			if r.IntN(10) == 0 {
				return append(out, pick(r, []string{"999999", "0", "x", ""}))
			}
			return append(out, idOf(r.IntN(talkers)))
		},
	} {
		pools[name] = f
	}
	for family, lines := range talkForms {
		for _, line := range lines {
			g.forms[family] = append(g.forms[family], parseForm(line, pools))
		}
	}
	g.weights, g.talks = nil, true
	for _, f := range familyWeights {
		if f.name != "acl" && f.name != "about" && f.name != "rare" && g.rand.IntN(2) == 0 {
			g.weights = append(g.weights, f)
		}
	}
	for _, f := range []familyWeight{{"listen", 120}, {"leave", 12}, {"wait", 60}, {"wake", 90}} {
		if g.rand.IntN(5) > 0 {
			g.weights = append(g.weights, f)
		}
	}
	if len(g.weights) == 0 {
		g.weights = familyWeights[:8]
	}
	return g
}

// talk makes a talk of about n commands. The first connection never waits.
func (g *generator) talk(n int) Stream {
	s := Stream{Batch: 1}
	if g.rand.IntN(2) == 0 { // somebody listens to the keyspace
		s.Steps = append(s.Steps, Step{Conn: 3, Args: []string{"PSUBSCRIBE", "__key*"}}, g.flags())
	}
	for len(s.Steps) < n {
		conn := g.rand.IntN(talkers)
		switch g.rand.IntN(40) {
		case 0:
			s.Steps = append(s.Steps, g.flags())
		case 1, 2:
			s.Steps = append(s.Steps, Step{Conn: conn, Args: []string{"MULTI"}})
			for range g.rand.IntN(6) {
				s.Steps = append(s.Steps, Step{Conn: conn, Args: g.said()})
			}
			s.Steps = append(s.Steps, Step{Conn: conn, Args: []string{pick(g.rand, []string{"EXEC", "EXEC", "EXEC", "DISCARD"})}})
		default:
			args := g.said()
			if blocks(args) && conn == 0 {
				conn = 1
			}
			s.Steps = append(s.Steps, Step{Conn: conn, Args: args})
			if silences(args) {
				for range g.rand.IntN(4) {
					s.Steps = append(s.Steps, Step{Conn: conn, Args: g.said()})
				}
			}
		}
	}
	return s
}

// flags turns classes of keyspace events on and off.
func (g *generator) flags() Step {
	flags := "A"
	if g.rand.IntN(3) > 0 {
		flags = ""
		for _, ch := range eventFlags {
			if g.rand.IntN(2) == 0 {
				flags += string(ch)
			}
		}
	}
	return Step{Conn: g.rand.IntN(talkers), Args: []string{"CONFIG", "SET", "notify-keyspace-events", flags + pick(g.rand, []string{"K", "E", "KE", "KE", ""})}}
}

// said makes a command that fits into a talk: whose effect and events do not
// depend on chance, and that nobody waits for but in a family of its own.
func (g *generator) said() []string {
	for {
		args := g.command()
		name := commandName(args)
		switch ruleOf(args) {
		case random, walk, lazily:
			continue
		}
		if slices.Contains([]string{"monitor", "subscribe"}, name) && len(args) < 2 {
			continue
		}
		tameTalk(args)
		return args
	}
}

// tameTalk takes out deadlines that have passed: when such a key goes is up to
// the server. Who waits does so for ever: a spoilt command may say otherwise. And nothing is stored over a key that somebody may wait for:
// Redis forgets to look at who waits if the key was there with another type.
func tameTalk(args []string) {
	switch name := commandName(args); name {
	case "blpop", "brpop", "brpoplpush", "blmove", "bzpopmin", "bzpopmax":
		waitForEver(args, len(args)-1)
	case "blmpop", "bzmpop":
		waitForEver(args, 1)
	case "xread", "xreadgroup":
		for i := range args {
			if strings.EqualFold(args[i], "block") {
				waitForEver(args, i+1)
			}
		}
	case "set", "restore":
		for i := 1; i+1 < len(args); i++ {
			switch strings.ToLower(args[i]) {
			case "exat":
				args[i+1] = "4102444800"
			case "pxat":
				args[i+1] = "4102444800000"
			}
		}
	case "sort":
		for i := 2; i+1 < len(args); i++ {
			if strings.EqualFold(args[i], "store") {
				args[i+1] = "stored"
			}
		}
	case "zrangestore", "zunionstore", "zinterstore", "zdiffstore", "geosearchstore":
		if len(args) > 1 && !slices.Contains(lexKeys, args[1]) {
			args[1] = "stored"
		}
	}
}

// waitForEver makes a timeout infinite, if there is one at this place.
func waitForEver(args []string, at int) {
	if at < len(args) {
		if n, err := strconv.ParseFloat(args[at], 64); err == nil && n > 0 && n < 1e9 {
			args[at] = "0"
		}
	}
}
