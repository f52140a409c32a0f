package command

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"

	"crdb/resp"
)

var aclCommands = []*Command{
	{Name: "acl", Summary: "Manages users and what they may do.", Subcommands: []*Command{
		{Name: "acl|cat", Summary: "Lists the categories, or the commands of one.", Handler: aclCat},
		{Name: "acl|deluser", Summary: "Deletes users and closes their connections.", Handler: aclDelUser},
		{Name: "acl|dryrun", Summary: "Says whether a user may run a command, without running it.", Handler: aclDryRun},
		{Name: "acl|genpass", Summary: "Makes a password.", Handler: aclGenPass},
		{Name: "acl|getuser", Summary: "Shows what a user may do.", Handler: aclGetUser},
		{Name: "acl|help", Summary: "Lists the subcommands.", Handler: help},
		{Name: "acl|list", Summary: "Shows all users as lines of an ACL file.", Handler: aclList},
		{Name: "acl|load", Summary: "Reads the users from the ACL file.", Handler: aclLoad},
		{Name: "acl|log", Summary: "Shows what was refused lately, or forgets it.", Handler: aclLogCommand},
		{Name: "acl|save", Summary: "Writes the users to the ACL file.", Handler: aclSave},
		{Name: "acl|setuser", Flags: Secret, Summary: "Makes or changes a user.", Handler: aclSetUser},
		{Name: "acl|users", Summary: "Lists the names of all users.", Handler: aclUserNames},
		{Name: "acl|whoami", Summary: "Returns the name of this connection's user.", Handler: aclWhoAmI},
	}},
}

func aclWhoAmI(c *Context) { c.Out.BulkString(c.S.who.user.name) }

func aclUserNames(c *Context) {
	users := c.Server.acl.all()
	c.Out.Array(len(users))
	for _, u := range users {
		c.Out.BulkString(u.name)
	}
}

func aclList(c *Context) {
	users := c.Server.acl.all()
	c.Out.Array(len(users))
	for _, u := range users {
		c.Out.BulkString("user " + u.name + " " + u.rights.Load().describe(c.Server.acl.words))
	}
}

// aclCat lists the commands of this server only.
func aclCat(c *Context) {
	if len(c.Args) > 3 {
		c.errorSub()
		return
	}
	if len(c.Args) == 2 {
		bulks(c.Out, categoryNames)
		return
	}
	bit := category(strings.ToLower(string(c.Args[2])))
	if bit == 0 {
		c.Out.Error("ERR Unknown category '" + echo(c.Args[2]) + "'")
		return
	}
	var names []string
	for _, cmd := range c.Server.table.all {
		if cmd.Categories&bit != 0 {
			names = append(names, cmd.Name)
		}
	}
	bulks(c.Out, names)
}

func bulks(out *resp.Writer, list []string) {
	out.Array(len(list))
	for _, s := range list {
		out.BulkString(s)
	}
}

func aclSetUser(c *Context) {
	name := string(c.Args[2])
	if hasSpaces(name) {
		c.Out.Error("ERR Usernames can't contain spaces or null characters")
		return
	}
	rules, bad := mergeSelectors(c.Args[3:])
	if bad >= 0 {
		c.Out.Error("ERR Unmatched parenthesis in acl selector starting at '" + string(cString(c.Args[3+bad])) + "'.")
		return
	}
	if rule, err := c.Server.acl.change(c.Server.rules(), name, rules); err != nil {
		c.Out.Error("ERR Error in ACL SETUSER modifier '" + string(cString([]byte(rule))) + "': " + err.Error())
		return
	}
	c.S.followRights()
	c.Server.wakeUsers()
	c.Out.OK()
}

func aclDelUser(c *Context) {
	for _, arg := range c.Args[2:] {
		if string(arg) == defaultUser { // then the others stay, too
			c.Out.Error("ERR The 'default' user cannot be removed")
			return
		}
	}
	removed := 0
	for _, arg := range c.Args[2:] {
		if c.Server.acl.remove(string(arg)) {
			removed++
		}
	}
	if removed > 0 {
		c.S.followRights()
		c.Server.wakeUsers()
	}
	c.Out.Int(int64(removed))
}

func aclGetUser(c *Context) {
	u := c.Server.acl.get(string(c.Args[2]))
	if u == nil {
		c.Out.Null()
		return
	}
	r := u.rights.Load()
	c.Out.Map(6)
	flags := r.flagWords()
	c.Out.BulkString("flags")
	c.Out.Set(len(flags))
	for _, f := range flags {
		c.Out.BulkString(f)
	}
	c.Out.BulkString("passwords")
	bulks(c.Out, r.passwords)
	c.describeSelector(r.selectors[0])
	c.Out.BulkString("selectors")
	c.Out.Array(len(r.selectors) - 1)
	for _, s := range r.selectors[1:] {
		c.Out.Map(3)
		c.describeSelector(s)
	}
}

func (c *Context) describeSelector(s *selector) {
	for _, f := range [][2]string{
		{"commands", s.commandRules(c.Server.acl.words)}, {"keys", s.keyRules()}, {"channels", s.channelRules()},
	} {
		c.Out.BulkString(f[0])
		c.Out.BulkString(f[1])
	}
}

const (
	passBits    = 256
	maxPassBits = 4096
)

// aclGenPass hashes nothing and keeps nothing: the bits come from the
// system's generator by way of Options.Rand.
func aclGenPass(c *Context) {
	n := int64(passBits)
	if len(c.Args) > 3 {
		c.errorSub()
		return
	}
	if len(c.Args) == 3 {
		var ok bool
		if n, ok = c.argInt(2); !ok {
			return
		}
		if n <= 0 || n > maxPassBits {
			c.Out.Error(fmt.Sprintf("ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to %d", maxPassBits))
			return
		}
	}
	digits := int(n+3) / 4
	var raw []byte
	for len(raw)*2 < digits {
		raw = binary.BigEndian.AppendUint64(raw, c.Server.opts.Rand())
	}
	c.Out.BulkString(hex.EncodeToString(raw)[:digits])
}

func aclDryRun(c *Context) {
	u := c.Server.acl.get(string(c.Args[2]))
	if u == nil {
		c.Out.Error("ERR User '" + string(cString(c.Args[2])) + "' not found")
		return
	}
	args := c.Args[3:]
	cmd := c.Server.table.lookup(args[0])
	if cmd != nil && cmd.subs != nil && len(args) > 1 {
		cmd = cmd.sub(args[1])
	}
	if cmd == nil {
		c.Out.Error("ERR Command '" + string(cString(args[0])) + "' not found")
		return
	}
	if !cmd.arityOK(len(args)) {
		c.Out.Error("ERR wrong number of arguments for '" + cmd.Name + "' command")
		return
	}
	var scratch []keyRef
	switch d := u.rights.Load().check(cmd, args, &scratch); d.why {
	case notDenied:
		c.Out.OK()
	case deniedKey:
		c.Out.BulkString("This user has no permissions to access the '" + string(args[d.at]) + "' key")
	case deniedChannel:
		c.Out.BulkString("This user has no permissions to access the '" + string(args[d.at]) + "' channel")
	default:
		c.Out.BulkString("This user has no permissions to run the '" + cmd.Name + "' command")
	}
}
