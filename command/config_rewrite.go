package command

import (
	"fmt"
	"strconv"
	"strings"
)

// ConfigLine is what CONFIG REWRITE writes of a parameter: a line of its file.
type ConfigLine struct {
	Name, Alias string // what the lines of a file begin with that it replaces
	Text        string // empty: there is to be no such line
	Always      bool   // it is not the default, so the file must have it
}

const msgNoConfigFile = "ERR The server is running without a config file"

func configRewrite(c *Context) {
	rewrite := c.Server.opts.RewriteConfig
	if rewrite == nil {
		c.Out.Error(msgNoConfigFile)
		return
	}
	if err := rewrite(c.Server.config.Lines()); err != nil {
		c.Server.opts.Logger.Error("CONFIG REWRITE failed", "error", err)
		c.Out.Error("ERR Rewriting config file: " + oneLine(err.Error()))
		return
	}
	c.Server.opts.Logger.Info("CONFIG REWRITE has written the configuration file")
	c.Out.OK()
}

// oneLine keeps line ends out of an error reply.
func oneLine(s string) string { return strings.NewReplacer("\r", " ", "\n", " ").Replace(s) }

// Lines returns the lines of a configuration file for all parameters that may
// change while a server runs.
func (c *Config) Lines() []ConfigLine {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var all []ConfigLine
	for _, of := range params {
		if p := c.mu.params[of.Name]; !p.Immutable && !p.Fixed {
			all = append(all, p.lines()...)
		}
	}
	return all
}

func (p *param) lines() []ConfigLine {
	def := &param{Param: p.Param}
	if err := def.set(p.Default); err != nil {
		panic("command: config " + p.Name + ": " + err.Error()) // Define has done the same
	}
	if p.Kind == OutputLimits {
		return outputLines(p.Name, parseOutputLimits(p.value), parseOutputLimits(def.value))
	}
	l := ConfigLine{Name: p.Name, Alias: p.Alias, Text: p.Name + " " + p.written(), Always: p.value != def.value}
	if p.Secret && p.value == "" {
		l.Text = ""
	}
	return []ConfigLine{l}
}

// written is the value as a file has it: texts in quotes, bytes in the largest
// unit that leaves no rest.
func (p *param) written() string {
	switch p.Kind {
	case Text, KeyEvents:
		return string(appendQuoted(nil, []byte(p.value)))
	case Memory:
		return memoryWord(p.num)
	case MemoryOrShare:
		if p.num >= 0 {
			return memoryWord(p.num)
		}
	case Percentiles:
		if p.value == "" {
			return `""`
		}
	case Enum:
		if p.Name == "appendfsync" && p.value == "no" {
			return "everysec" // what it does here; no file that says "no" would be read
		}
	}
	return p.value
}

func memoryWord(n int64) string {
	for _, unit := range []struct {
		shift int
		name  string
	}{{30, "gb"}, {20, "mb"}, {10, "kb"}} {
		if n != 0 && n&(1<<unit.shift-1) == 0 {
			return strconv.FormatInt(n>>unit.shift, 10) + unit.name
		}
	}
	return strconv.FormatInt(n, 10)
}

// outputLines has a line for each class of clients.
func outputLines(name string, now, def map[string]OutputLimit) (all []ConfigLine) {
	for _, class := range outputClasses {
		l, shown := now[class], class
		if shown == "slave" {
			shown = "replica"
		}
		all = append(all, ConfigLine{Name: name, Always: l != def[class],
			Text: fmt.Sprintf("%s %s %s %s %d", name, shown, memoryWord(l.Hard), memoryWord(l.Soft), l.Seconds)})
	}
	return all
}
