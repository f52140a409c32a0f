package command

import "strings"

// commandList lists all names, or those of an ACL category or matching a
// pattern. There are no modules.
func commandList(c *Context) {
	keep := func(*Command) bool { return true }
	switch args := c.Args[2:]; {
	case len(args) == 0:
	case len(args) == 3 && equalFold(args[0], "filterby") && equalFold(args[1], "module"):
		keep = func(*Command) bool { return false }
	case len(args) == 3 && equalFold(args[0], "filterby") && equalFold(args[1], "aclcat"):
		keep = inCategory(strings.ToLower(string(args[2])))
	case len(args) == 3 && equalFold(args[0], "filterby") && equalFold(args[1], "pattern"):
		keep = func(cmd *Command) bool { return globMatchFold(args[2], []byte(cmd.Name)) }
	default:
		c.Out.Error(msgSyntax)
		return
	}
	var names []string
	for _, cmd := range c.Server.table.top {
		names = appendNames(names, cmd, keep)
	}
	c.Out.Array(len(names))
	for _, n := range names {
		c.Out.BulkString(n)
	}
}

// appendNames adds a command and its subcommands.
func appendNames(names []string, cmd *Command, keep func(*Command) bool) []string {
	if keep(cmd) {
		names = append(names, cmd.Name)
	}
	for _, sub := range cmd.Subcommands {
		names = appendNames(names, sub, keep)
	}
	return names
}

func inCategory(name string) func(*Command) bool {
	var bit ACLCategory
	for i, n := range categoryNames {
		if n == name {
			bit = 1 << i
		}
	}
	return func(cmd *Command) bool { return cmd.Categories&bit != 0 }
}

func commandGetKeys(c *Context) {
	_, refs, ok := keysOfLine(c)
	if !ok {
		return
	}
	c.Out.Array(len(refs))
	for _, r := range refs {
		c.Out.Bulk(c.Args[2+r.index])
	}
}

func commandGetKeysAndFlags(c *Context) {
	cmd, refs, ok := keysOfLine(c)
	if !ok {
		return
	}
	c.Out.Array(len(refs))
	for _, r := range refs {
		c.Out.Array(2)
		c.Out.Bulk(c.Args[2+r.index])
		statuses(c.Out, cmd.keyFlags(r, c.Args[2:]))
	}
}

// keysOfLine finds the keys of the command line in the arguments; otherwise it
// replies why not.
func keysOfLine(c *Context) (*Command, []keyRef, bool) {
	args := c.Args[2:]
	cmd := c.Server.table.lookup(args[0])
	if cmd != nil && cmd.subs != nil && len(args) > 1 {
		cmd = cmd.sub(args[1])
	}
	switch {
	case cmd == nil:
		c.Error(errBadKeyUsage)
		return nil, nil, false
	case !cmd.hasKeys():
		c.Error(errNoKeys)
		return nil, nil, false
	case !cmd.arityOK(len(args)):
		c.Error(errKeyArity)
		return nil, nil, false
	}
	refs, err := cmd.keyRefs(nil, args)
	for i := range cmd.KeySpecs {
		if cmd.Keys == nil && cmd.KeySpecs[i].Begin.Index >= len(args) { // PFMERGE without sources
			err = errBadKeyArgs
		}
	}
	if len(refs) == 0 || err != nil {
		if cmd.Flags&NoMandatoryKeys != 0 {
			return cmd, nil, true
		}
		c.Error(errBadKeyArgs)
		return nil, nil, false
	}
	return cmd, refs, true
}
