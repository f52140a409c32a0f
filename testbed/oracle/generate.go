package oracle

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// generator makes streams. The same seed makes the same stream.
type generator struct {
	rand  *rand.Rand
	forms map[string][]form
	multi bool // inside MULTI
	talks bool // commands may wait: somebody comes to serve
	conn  int

	weights []familyWeight
}

// familyWeight says how often a family comes.
type familyWeight struct {
	name   string
	weight int
}

// families and how often they come.
var familyWeights = []familyWeight{{"string", 30}, {"bit", 15}, {"hll", 10}, {"set", 25}, {"hash", 20}, {"list", 25}, {"zset", 35}, {"geo", 15}, {"stream", 30}, {"key", 30}, {"acl", 4}, {"about", 4}, {"rare", 5}}

func newGenerator(seed uint64) *generator {
	g := &generator{rand: rand.New(rand.NewPCG(seed, 0)), forms: make(map[string][]form), weights: familyWeights}
	pools := newPools(func(r *rand.Rand, out []string) []string { return append(out, g.command()...) })
	for family, lines := range commandForms {
		for _, line := range lines {
			g.forms[family] = append(g.forms[family], parseForm(line, pools))
		}
	}
	for _, line := range aboutForms {
		g.forms["about"] = append(g.forms["about"], parseForm(line, pools))
	}
	for _, line := range scriptForms {
		g.forms["script"] = append(g.forms["script"], parseForm(line, pools))
	}
	return g
}

// stream makes about n commands.
func (g *generator) stream(n int) Stream {
	s := Stream{Batch: 1 + g.rand.IntN(16)}
	for len(s.Steps) < n {
		if g.rand.IntN(40) == 0 {
			g.transaction(&s)
			continue
		}
		g.add(&s, g.command())
	}
	return s
}

func (g *generator) add(s *Stream, args []string) {
	s.Steps = append(s.Steps, Step{Conn: g.conn, Args: args})
}

// transaction adds a MULTI block, perhaps after a WATCH with something between.
func (g *generator) transaction(s *Stream) {
	if g.rand.IntN(3) == 0 {
		g.conn = 1
	}
	if g.rand.IntN(2) == 0 {
		g.add(s, []string{"WATCH", pick(g.rand, allKeys), pick(g.rand, allKeys)})
		for n := g.rand.IntN(3); n > 0; n-- {
			s.Steps = append(s.Steps, Step{Conn: g.rand.IntN(2), Args: g.command()})
		}
	}
	g.add(s, []string{"MULTI"})
	g.multi = true
	for n := g.rand.IntN(6); n > 0; n-- {
		g.add(s, g.command())
	}
	g.multi = false
	end := "EXEC"
	if g.rand.IntN(6) == 0 {
		end = "DISCARD"
	}
	g.add(s, []string{end})
	g.conn = 0
}

// command makes one command: mostly as its form says, sometimes spoilt.
func (g *generator) command() []string {
	args := g.fromForm()
	if g.rand.IntN(12) == 0 && !slices.Contains([]string{"EVAL", "EVAL_RO", "SCRIPT", "FUNCTION"}, args[0]) { // syntax errors have words of their own
		args = g.spoil(args)
	}
	if g.rand.IntN(10) == 0 {
		args[0] = strings.ToLower(args[0])
	}
	g.tame(args)
	return args
}

func (g *generator) fromForm() []string {
	total := 0
	for _, f := range g.weights {
		total += f.weight
	}
	n := g.rand.IntN(total)
	for _, f := range g.weights {
		if n < f.weight {
			forms := g.forms[f.name]
			return forms[g.rand.IntN(len(forms))](g.rand, nil)
		}
		n -= f.weight
	}
	panic("weights")
}

// spoil drops, adds or replaces an argument.
func (g *generator) spoil(args []string) []string {
	at := 1 + g.rand.IntN(len(args))
	junk := pick(g.rand, join(values, integers, allKeys))
	switch {
	case at == len(args) || g.rand.IntN(3) == 0:
		return append(args, junk)
	case g.rand.IntN(2) == 0:
		return append(args[:at:at], args[at+1:]...)
	}
	args[at] = junk
	return args
}

// tameLex keeps other scores than 0 out of the keys for ranges of names.
func (g *generator) tameLex(args []string) {
	if len(args) < 3 || !slices.Contains(lexKeys, args[1]) || args[0] == "ZRANGESTORE" && slices.Contains(lexKeys, args[2]) {
		return
	}
	for i := 2; i < len(args); i += 2 {
		if args[i] != "0" {
			args[1] = zsetKeys[0]
		}
	}
}

// tame takes out what no comparison could stand: see the package's rules.
func (g *generator) tame(args []string) {
	arg := func(i int) int64 {
		if i >= len(args) {
			return 0
		}
		n, err := strconv.ParseInt(args[i], 10, 64)
		if err != nil {
			return 0
		}
		return n
	}
	const soon = 100_000
	near := func(i int) bool { return 0 < arg(i) && arg(i) < soon }
	switch name := strings.ToLower(args[0]); name {
	case "xadd", "xautoclaim", "xread", "xreadgroup":
		tameStream(args, name == "xautoclaim", g.talks)
	case "srandmember", "hrandfield", "zrandmember":
		if n := arg(2); n < -1000 && n > -1<<63 {
			args[2] = "-3"
		}
	case "zadd", "zrangestore":
		g.tameLex(args)
	case "setrange":
		if n := arg(2); n > soon && n < 600<<20 {
			args[2] = "7"
		}
	case "expire", "pexpire", "setex", "psetex", "restore":
		if near(2) {
			args[2] = strconv.Itoa(soon)
		}
	case "set", "getex":
		for i := 1; i+1 < len(args); i++ {
			if o := strings.ToLower(args[i]); (o == "ex" || o == "px") && near(i+1) {
				args[i+1] = strconv.Itoa(soon)
			}
		}
	case "spop":
		if g.multi && len(args) < 3 {
			args[0] = "SCARD"
		} else if g.multi && arg(2) > 0 {
			args[2] = "1000"
		}
	case "blpop", "brpop", "brpoplpush", "blmove", "bzpopmin", "bzpopmax":
		if last := len(args) - 1; last > 1 && isTimeout(args[last]) {
			args[last] = g.timeout()
		}
	case "blmpop", "bzmpop":
		if len(args) > 2 && isTimeout(args[1]) {
			args[1] = g.timeout()
		}
	case "client":
		if len(args) > 2 && strings.EqualFold(args[1], "pause") && arg(2) > 0 {
			args[2] = "0"
		}
		if len(args) > 2 && strings.EqualFold(args[1], "reply") && !strings.EqualFold(args[2], "on") && !g.talks {
			args[2] = "x" // no replies, no comparison
		}
	case "config":
		if len(args) > 2 && strings.EqualFold(args[1], "get") && strings.ContainsAny(args[2], "*?[") {
			args[2] = "nosuch"
		}
	case "wait":
		if len(args) == 3 && arg(1) > 0 {
			args[1] = "0"
		}
	}
}

// timeout is how long a command waits.
func (g *generator) timeout() string {
	if g.talks {
		return "0"
	}
	return "0.001" // nobody comes to serve
}

// tameStream takes out of a stream's command what makes another ID at each
// server, or waits, or takes memory by a count.
func tameStream(args []string, counts, waits bool) {
	for i := 2; i < len(args); i++ {
		n, _ := strconv.ParseInt(args[i], 10, 64)
		if strings.EqualFold(args[i], "block") && waits && i+1 < len(args) {
			if _, err := strconv.Atoi(args[i+1]); err == nil {
				args[i+1] = "0"
			}
			continue
		}
		if args[i] == "*" || strings.EqualFold(args[i], "block") || counts && n > 1000 && i > 6 {
			args[i] = "x"
		}
	}
}

// isTimeout reports whether Redis may take s for a timeout to wait for.
func isTimeout(s string) bool {
	s, _, _ = strings.Cut(s, "\x00")
	t, err := strconv.ParseFloat(s, 64)
	return err == nil && t > -1 && t < 1e9 || strings.Contains(s, "0x")
}
