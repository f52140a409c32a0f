package command

// hllCommands are the commands on HyperLogLogs.
var hllCommands = []*Command{
	{Name: "pfadd", Summary: "Adds elements to a HyperLogLog. Creates the key if it is missing.", Handler: hllAdd},
	{Name: "pfcount", Flags: MayReplicate, Summary: "Returns about how many different elements HyperLogLogs have seen together.", Handler: hllCount},
	{Name: "pfdebug", Summary: "Refused: it shows how Redis stores a HyperLogLog.", Handler: hllRefused},
	{Name: "pfmerge", Summary: "Merges HyperLogLogs into one. Creates the key if it is missing.", Handler: hllMerge},
	{Name: "pfselftest", Summary: "Refused: it tests how Redis stores a HyperLogLog.", Handler: hllRefused},
}

// hllSparseBytes is the longest string that stays sparse.
func (c *Context) hllSparseBytes() int { return int(c.Server.config.Int("hll-sparse-max-bytes")) }

func hllAdd(c *Context) {
	changed, err := c.Tx.HLLAdd(c.Args[1], c.Args[2:], c.hllSparseBytes())
	if changed && err == nil {
		c.event(evString, "pfadd", c.Args[1])
	}
	replyYes(c, changed, err)
}

func hllCount(c *Context) {
	n, err := c.Tx.HLLCount(c.Args[1:])
	if err != nil {
		c.Error(err)
		return
	}
	c.Out.Int(int64(n))
}

func hllMerge(c *Context) {
	if err := c.Tx.HLLMerge(c.Args[1], c.Args[2:], c.hllSparseBytes()); err != nil {
		c.Error(err)
		return
	}
	c.event(evString, "pfadd", c.Args[1])
	c.Out.OK()
}

func hllRefused(c *Context) {
	c.Out.Error("ERR " + c.Cmd.Name + " is not supported: it is about the insides of Redis")
}
