package command

import (
	"bytes"
	"errors"
	"sort"
)

var configCommands = []*Command{
	{Name: "config", Summary: "Reads and changes the configuration.", Subcommands: []*Command{
		{Name: "config|get", Summary: "Returns parameters by name or pattern.", Handler: configGet},
		{Name: "config|help", Summary: "Lists the subcommands.", Handler: help},
		{Name: "config|resetstat", Flags: WholeKeyspace, Summary: "Sets the counters of INFO to zero.", Handler: configResetStat},
		{Name: "config|rewrite", Summary: "Writes the configuration into the file that the server was started with.", Handler: configRewrite},
		{Name: "config|set", Flags: Secret, Summary: "Changes parameters, all or none of them.", Handler: configSet},
	}},
}

// configGet shows exact names as the client wrote them, as Redis does.
func configGet(c *Context) {
	conf := c.Server.config
	found := make(map[string]string)
	for _, arg := range c.Args[2:] {
		if !bytes.ContainsAny(arg, "[*?") {
			if v, ok := conf.Get(string(arg)); ok && !shown(found, arg) {
				found[string(arg)] = v
			}
			continue
		}
		for _, name := range conf.Names() {
			if globMatchFold(arg, []byte(name)) && !shown(found, []byte(name)) {
				found[name], _ = conf.Get(name)
			}
		}
	}
	names := make([]string, 0, len(found))
	for n := range found {
		names = append(names, n)
	}
	sort.Strings(names)
	c.Out.Map(len(names))
	for _, n := range names {
		c.Out.BulkString(n)
		c.Out.BulkString(found[n])
	}
}

// shown reports whether the parameter is in the reply, in any case.
func shown(found map[string]string, name []byte) bool {
	for n := range found {
		if equalFold(name, n) {
			return true
		}
	}
	return false
}

func configSet(c *Context) {
	args := c.Args[2:]
	if len(args)%2 != 0 {
		c.Out.Error(msgSyntax)
		return
	}
	list := make([]Setting, 0, len(args)/2)
	for i := 0; i < len(args); i += 2 {
		list = append(list, Setting{string(args[i]), string(args[i+1])})
	}
	if err := c.Server.config.SetAll(list); err != nil {
		var se *SettingError
		if errors.As(err, &se) {
			c.Error(se)
			return
		}
		c.Out.Error("ERR " + err.Error())
		return
	}
	if c.S.set = c.Server.settings.Load(); c.S.mode&modeExec == 0 {
		c.S.evictNow()
	}
	c.Out.OK()
}

func configResetStat(c *Context) {
	c.lockAll()
	c.Tx.ResetStats()
	c.Server.stats.reset(c.Server.opts.Now())
	c.Out.OK()
}
