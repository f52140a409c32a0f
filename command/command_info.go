package command

import (
	"strings"

	"crdb/resp"
)

var commandCommands = []*Command{
	{Name: "command", Summary: "Describes all commands.", Handler: commandAll, Subcommands: []*Command{
		{Name: "command|count", Summary: "Counts the commands.", Handler: func(c *Context) { c.Out.Int(int64(len(c.Server.table.top))) }},
		{Name: "command|docs", Summary: "Documents commands.", Handler: commandDocs},
		{Name: "command|getkeys", Summary: "Returns the keys of a command line.", Handler: commandGetKeys},
		{Name: "command|getkeysandflags", Summary: "Returns the keys of a command line and what is done to them.", Handler: commandGetKeysAndFlags},
		{Name: "command|help", Summary: "Lists the subcommands.", Handler: help},
		{Name: "command|info", Summary: "Describes commands.", Handler: commandInfo},
		{Name: "command|list", Summary: "Lists the names of commands.", Handler: commandList},
	}},
}

// byFullName finds a command by "get" or "client|id", in any case.
func (t *Table) byFullName(name []byte) *Command {
	top, word, isSub := strings.Cut(string(name), "|")
	cmd := t.lookup([]byte(top))
	if !isSub || cmd == nil {
		return cmd
	}
	return cmd.sub([]byte(word))
}

func commandAll(c *Context) {
	c.Out.Array(len(c.Server.table.top))
	for _, cmd := range c.Server.table.top {
		infoReply(c.Out, cmd)
	}
}

func commandInfo(c *Context) {
	if len(c.Args) == 2 {
		commandAll(c)
		return
	}
	c.Out.Array(len(c.Args) - 2)
	for _, name := range c.Args[2:] {
		if cmd := c.Server.table.byFullName(name); cmd != nil {
			infoReply(c.Out, cmd)
		} else {
			c.Out.Null()
		}
	}
}

// infoReply writes the ten fields of COMMAND INFO.
func infoReply(out *resp.Writer, cmd *Command) {
	out.Array(10)
	out.BulkString(cmd.Name)
	out.Int(int64(cmd.Arity))
	statuses(out, cmd.flagWords())
	out.Int(int64(cmd.FirstKey))
	out.Int(int64(cmd.LastKey))
	out.Int(int64(cmd.KeyStep))
	categories := cmd.categoryWords()
	out.Set(len(categories))
	for _, w := range categories {
		out.SimpleString("@" + w)
	}
	out.Set(len(cmd.Tips))
	for _, t := range cmd.Tips {
		out.BulkString(t)
	}
	out.Set(len(cmd.KeySpecs))
	for i := range cmd.KeySpecs {
		cmd.KeySpecs[i].reply(out)
	}
	out.Set(len(cmd.Subcommands))
	for _, sub := range cmd.Subcommands {
		infoReply(out, sub)
	}
}

func (k *KeySpec) reply(out *resp.Writer) {
	if k.Notes != "" {
		out.Map(4)
		pair(out, "notes", k.Notes)
	} else {
		out.Map(3)
	}
	out.BulkString("flags")
	statuses(out, k.Flags)
	out.BulkString("begin_search")
	out.Map(2)
	switch {
	case k.Begin.Index > 0:
		pair(out, "type", "index")
		out.BulkString("spec")
		out.Map(1)
		number(out, "index", k.Begin.Index)
	case k.Begin.Keyword != "":
		pair(out, "type", "keyword")
		out.BulkString("spec")
		out.Map(2)
		pair(out, "keyword", k.Begin.Keyword)
		number(out, "startfrom", k.Begin.StartFrom)
	default:
		pair(out, "type", "unknown")
		out.BulkString("spec")
		out.Map(0)
	}
	k.Find.reply(out)
}

func (f *KeyFind) reply(out *resp.Writer) {
	out.BulkString("find_keys")
	out.Map(2)
	pair(out, "type", f.Type)
	out.BulkString("spec")
	switch f.Type {
	case "range":
		out.Map(3)
		number(out, "lastkey", f.LastKey)
		number(out, "keystep", f.KeyStep)
		number(out, "limit", f.Limit)
	case "keynum":
		out.Map(3)
		number(out, "keynumidx", f.NumIndex)
		number(out, "firstkey", f.FirstKey)
		number(out, "keystep", f.KeyStep)
	default:
		out.Map(0)
	}
}

func number(out *resp.Writer, key string, n int) {
	out.BulkString(key)
	out.Int(int64(n))
}

func commandDocs(c *Context) {
	var found []*Command
	for _, name := range c.Args[2:] {
		if cmd := c.Server.table.byFullName(name); cmd != nil {
			found = append(found, cmd)
		}
	}
	if len(c.Args) == 2 {
		found = c.Server.table.top
	}
	c.Out.Map(len(found))
	for _, cmd := range found {
		docsReply(c.Out, cmd)
	}
}

// docsReply writes a command's name and documentation.
func docsReply(out *resp.Writer, cmd *Command) {
	texts := []struct{ key, value string }{
		{"summary", cmd.Summary}, {"since", cmd.Since}, {"group", cmd.Group}, {"complexity", cmd.Complexity},
	}
	late := []struct{ key, value string }{
		{"deprecated_since", cmd.deprecated}, {"replaced_by", cmd.replacedBy},
	}
	n := 0
	for _, t := range append(texts, late...) {
		if t.value != "" {
			n++
		}
	}
	args, _ := parseSyntax(cmd.syntax)
	for _, has := range []bool{len(cmd.docFlags) > 0, len(args) > 0, len(cmd.Subcommands) > 0} {
		if has {
			n++
		}
	}
	out.BulkString(cmd.Name)
	out.Map(n)
	for _, t := range texts {
		if t.value != "" {
			pair(out, t.key, t.value)
		}
	}
	if len(cmd.docFlags) > 0 {
		out.BulkString("doc_flags")
		statuses(out, cmd.docFlags)
	}
	for _, t := range late {
		if t.value != "" {
			pair(out, t.key, t.value)
		}
	}
	if len(args) > 0 {
		out.BulkString("arguments")
		argumentsReply(out, args)
	}
	if len(cmd.Subcommands) > 0 {
		out.BulkString("subcommands")
		out.Map(len(cmd.Subcommands))
		for _, sub := range cmd.Subcommands {
			docsReply(out, sub)
		}
	}
}
