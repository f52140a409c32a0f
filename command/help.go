package command

import "strings"

// help replies the subcommands of a container: HELP of every one of them.
func help(c *Context) {
	name := strings.ToUpper(c.Cmd.parent.Name)
	lines := []string{name + " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"}
	for _, sub := range c.Cmd.parent.Subcommands {
		_, word, _ := strings.Cut(sub.Name, "|")
		lines = append(lines, strings.TrimSpace(strings.ToUpper(word)+" "+usage(sub.syntax)), "    "+sub.Summary)
	}
	c.Out.Array(len(lines))
	for _, l := range lines {
		c.Out.SimpleString(l)
	}
}

// errorSub replies that a subcommand has the wrong arguments, in Redis's words.
func (c *Context) errorSub() {
	c.Out.Error("ERR unknown subcommand or wrong number of arguments for '" + echo(c.Args[1]) +
		"'. Try " + strings.ToUpper(string(c.Args[0])) + " HELP.")
}
