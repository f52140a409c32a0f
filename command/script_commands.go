package command

import (
	"crypto/sha1"

	"crdb/command/script"
)

// scriptFlags are what all commands that run scripts have in common: a script
// may touch keys that it was not given.
const scriptFlags = RunsScript | WholeKeyspace

var scriptCommands = []*Command{
	{Name: "eval", Flags: scriptFlags | MayReplicate, Summary: "Runs a script.", Handler: eval},
	{Name: "eval_ro", Flags: scriptFlags, Summary: "Runs a script that may not write.", Handler: eval},
	{Name: "evalsha", Flags: scriptFlags | MayReplicate, Summary: "Runs a script that is known here, by its SHA-1.", Handler: evalSHA},
	{Name: "evalsha_ro", Flags: scriptFlags, Summary: "Runs a known script that may not write.", Handler: evalSHA},
	{Name: "script", Summary: "Manages scripts.", Subcommands: []*Command{
		{Name: "script|debug", Summary: "Refused: there is no debugger.", Handler: scriptDebug},
		{Name: "script|exists", Summary: "Tells which scripts are known here.", Handler: scriptExists},
		{Name: "script|flush", Summary: "Forgets all scripts.", Handler: scriptFlush},
		{Name: "script|help", Summary: "Lists the subcommands.", Handler: help},
		{Name: "script|kill", Summary: "Stops the script that is running, if it has not written.", Handler: scriptKill},
		{Name: "script|load", Summary: "Makes a script known and returns its SHA-1.", Handler: scriptLoad},
	}},
}

const (
	msgNoScript   = "NOSCRIPT No matching script. Please use EVAL."
	msgNotBusy    = "NOTBUSY No scripts in execution right now."
	msgUnkillable = "UNKILLABLE Sorry the script already executed write commands against the dataset. You can either wait the script termination or kill the server in a hard way using the SHUTDOWN NOSAVE command."
)

func scriptDebug(c *Context) { c.Out.Error("ERR SCRIPT DEBUG is not supported: there is no debugger") }

func scriptExists(c *Context) {
	c.Out.Array(len(c.Args) - 2)
	for _, sha := range c.Args[2:] {
		found := int64(0)
		if c.Server.scripts.bySHA(sha) != nil {
			found = 1
		}
		c.Out.Int(found)
	}
}

func scriptFlush(c *Context) {
	if len(c.Args) > 3 || len(c.Args) == 3 && !equalFold(c.Args[2], "async") && !equalFold(c.Args[2], "sync") {
		c.Out.Error("ERR SCRIPT FLUSH only support SYNC|ASYNC option")
		return
	}
	c.Server.scripts.flush()
	c.Out.OK()
}

func scriptKill(c *Context) {
	c.killRun(false)
}

// killRun is SCRIPT KILL and FUNCTION KILL: each kills only its own kind. In a
// transaction that is itself in the background, others are meant.
func (c *Context) killRun(function bool) {
	p := &c.Server.scripts
	others := p.away.Load()
	if c.S.inBackground() {
		others--
	}
	if p.inFunction() != function && others > 0 {
		c.Out.Error(p.busy())
		return
	}
	switch found, killed := p.kill("Script killed by user with SCRIPT KILL...", others > 0); {
	case !found:
		c.Out.Error(msgNotBusy)
	case !killed:
		c.Out.Error(msgUnkillable)
	default:
		c.Out.OK()
	}
}

func scriptLoad(c *Context) {
	sc, err := c.Server.scripts.compiled(c.Args[2], true)
	if err != nil {
		c.Error(err)
		return
	}
	c.Out.BulkString(sc.SHA)
}

func eval(c *Context) {
	if sc := c.S.scriptOf(c.Cmd, c.Args); sc != nil {
		c.runScript(sc)
		return
	}
	if _, ok := c.scriptKeys(); !ok {
		return
	}
	_, err := c.Server.scripts.compiled(c.Args[1], false)
	if err != nil {
		c.Error(err)
	}
}

func evalSHA(c *Context) {
	if len(c.Args[1]) != 2*sha1.Size { // judged before the number of keys
		c.Out.Error(msgNoScript)
		return
	}
	if _, ok := c.scriptKeys(); !ok {
		return
	}
	sc := c.Server.scripts.bySHA(c.Args[1])
	if sc == nil {
		c.Out.Error(msgNoScript)
		return
	}
	c.runScript(sc)
}

// scriptOf finds the script that a command line runs, nil if there is none: also
// where the number of keys is wrong, so that the text is not kept.
func (s *Session) scriptOf(cmd *Command, args [][]byte) *script.Script {
	if n, ok := parseInt(args[2]); !ok || n < 0 || n > int64(len(args)-3) {
		return nil
	}
	if cmd.Name == "evalsha" || cmd.Name == "evalsha_ro" {
		return s.srv.scripts.bySHA(args[1])
	}
	sc, _ := s.srv.scripts.compiled(args[1], false)
	return sc
}

// scriptKeys returns how many of the arguments behind it are keys.
func (c *Context) scriptKeys() (n int, ok bool) {
	return c.keyCount(c.argInt(2))
}

func (c *Context) keyCount(v int64, ok bool) (n int, fits bool) {
	switch {
	case !ok:
	case v > int64(len(c.Args)-3):
		c.Out.Error("ERR Number of keys can't be greater than number of args")
	case v < 0:
		c.Out.Error("ERR Number of keys can't be negative")
	default:
		return int(v), true
	}
	return 0, false
}
