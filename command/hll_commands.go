package command

// hllCommands are the commands on HyperLogLogs.
var hllCommands = []*Command{
	{Name: "pfadd", Summary: "Adds elements to a HyperLogLog. Creates the key if it is missing.", Handler: hllAdd},
	{Name: "pfcount", Flags: MayReplicate, Summary: "Returns about how many different elements HyperLogLogs have seen together.", Handler: hllCount},
	{Name: "pfdebug", Summary: "Refused: it shows how Redis stores a HyperLogLog.", Handler: hllRefused},
	{Name: "pfmerge", Summary: "Merges HyperLogLogs into one. Creates the key if it is missing.", Handler: hllMerge},
	{Name: "pfselftest", Summary: "Refused: it tests how Redis stores a HyperLogLog.", Handler: hllRefused},
}

// hllSparseBytes is Redis's default of hll-sparse-max-bytes: the longest string
// that keeps the sparse form.
const hllSparseBytes = 3000

func hllAdd(c *Context) {
	changed, err := c.Tx.HLLAdd(c.Args[1], c.Args[2:], hllSparseBytes)
	if changed {
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
	if err := c.Tx.HLLMerge(c.Args[1], c.Args[2:], hllSparseBytes); err != nil {
		c.Error(err)
		return
	}
	c.event(evString, "pfadd", c.Args[1])
	c.Out.OK()
}

func hllRefused(c *Context) {
	c.Out.Error("ERR " + c.Cmd.Name + " is not supported: it is about the insides of Redis")
}
