package oracle

import "math/rand/v2"

// This file is what other test packages take of this one.

// Commands makes random commands of all types of data. The same seed makes the
// same commands.
type Commands struct {
	gen  *generator
	more []form
	part int // one in so many is one of more
}

// Word makes one word, or several, of a command at random.
type Word func(r *rand.Rand) []string

// NewCommands makes commands as streams have them, of the families that are
// about data: of all of them, or of a few, so that they collide more. One in
// part is one of the further forms, which are used as they are; words names
// what they have in angle brackets besides the usual pools.
func NewCommands(seed uint64, part int, forms []string, words map[string]Word) *Commands {
	c := &Commands{gen: newGenerator(seed), part: part}
	c.gen.choose()
	pools := newPools(func(r *rand.Rand, out []string) []string { return append(out, c.gen.command()...) })
	for name, word := range words {
		pools[name] = func(r *rand.Rand, out []string) []string { return append(out, word(r)...) }
	}
	for _, line := range forms {
		c.more = append(c.more, parseForm(line, pools))
	}
	return c
}

// choose leaves out the families that are not about data, and often most of
// the others as well.
func (g *generator) choose() {
	few := g.rand.IntN(4) > 0
	g.weights = nil
	for _, f := range familyWeights {
		if f.name != "acl" && f.name != "about" && f.name != "rare" && (!few || g.rand.IntN(5) == 0) {
			g.weights = append(g.weights, f)
		}
	}
	if few {
		g.weights = append(g.weights, familyWeight{"key", 8})
	}
}

// Rand is the source of chance of these commands.
func (c *Commands) Rand() *rand.Rand { return c.gen.rand }

// Next makes a command.
func (c *Commands) Next() []string {
	if r := c.gen.rand; r.IntN(c.part) == 0 {
		return c.more[r.IntN(len(c.more))](r, nil)
	}
	return c.gen.command()
}

// AllKeys are the keys that commands use, but for those of HyperLogLogs,
// places and ranges of names.
func AllKeys() []string { return join(allKeys) }

// Line prints a command as redis-cli takes it; Words reads it.
func Line(args []string) string { return Step{Args: args}.String() }

// Words reads a line that Line has printed.
func Words(line string) ([]string, error) { return splitWords(line) }

// Conn is a plain connection to a server.
type Conn struct{ *client }

// Dial connects.
func Dial(addr string) (*Conn, error) {
	c, err := dial(addr, addr, 2)
	if err != nil {
		return nil, err
	}
	return &Conn{c}, nil
}

// Do sends a command and returns its reply.
func (c *Conn) Do(args ...string) (Reply, error) { return c.do(args...) }

// Pipeline sends commands in one write and returns their replies.
func (c *Conn) Pipeline(commands [][]string) ([]Reply, error) {
	for _, args := range commands {
		c.add(args)
	}
	if err := c.flush(); err != nil {
		return nil, err
	}
	replies := make([]Reply, len(commands))
	for i := range replies {
		var err error
		if replies[i], err = c.read(); err != nil {
			return replies[:i], err
		}
	}
	return replies, nil
}

// Close ends the connection.
func (c *Conn) Close() { c.close() }

// Bag returns a reply's items, taken width at a time, in an order that does not
// depend on how they came.
func (r *Reply) Bag(width int) []string { return r.bag(width) }

// SameReply says whether crdb's reply to a command may stand for Redis's: the
// same bytes, but for what Redis leaves open.
func SameReply(args []string, redis, crdb Reply) bool {
	return same(ruleOf(args), args, redis, crdb)
}
