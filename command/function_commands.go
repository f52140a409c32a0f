package command

import (
	"maps"
	"slices"

	"crdb/command/script"
	"crdb/engine"
)

var functionCommands = []*Command{
	{Name: "fcall", Flags: scriptFlags | MayReplicate, Summary: "Calls a function.", Handler: fcall},
	{Name: "fcall_ro", Flags: scriptFlags, Summary: "Calls a function that does not write.", Handler: fcall},
	{Name: "function", Summary: "Manages libraries of functions.", Subcommands: []*Command{
		{Name: "function|delete", Flags: WholeKeyspace, Summary: "Deletes a library, in all regions.", Handler: functionDelete},
		{Name: "function|dump", Flags: WholeKeyspace, Summary: "Returns all libraries in a form that FUNCTION RESTORE takes.", Handler: functionDump},
		{Name: "function|flush", Flags: WholeKeyspace, Summary: "Deletes all libraries, in all regions.", Handler: functionFlush},
		{Name: "function|help", Summary: "Lists the subcommands.", Handler: help},
		{Name: "function|kill", Summary: "Stops the function that is running, if it has not written.", Handler: functionKill},
		{Name: "function|list", Flags: WholeKeyspace, Summary: "Lists libraries and their functions.", Handler: functionList},
		{Name: "function|load", Flags: WholeKeyspace, Summary: "Creates a library, in all regions.", Handler: functionLoad},
		{Name: "function|restore", Flags: WholeKeyspace, Summary: "Creates the libraries of a payload of FUNCTION DUMP.", Handler: functionRestore},
		{Name: "function|stats", Summary: "Tells what function is running, and how many there are.", Handler: functionStats},
	}},
}

// libraries locks everything and brings what is loaded up to date.
func (c *Context) libraries() (*functions, *scriptRun) {
	r := c.S.newRun(c.Cmd)
	c.lockAll()
	f := &c.Server.library
	f.refresh(c, r)
	return f, r
}

func functionLoad(c *Context) {
	replace := false
	last := len(c.Args) - 1
	for _, arg := range c.Args[2:last] {
		if !isOption(arg, "replace") {
			c.Out.Error("ERR Unknown option given: " + echo(arg))
			return
		}
		replace = true
	}
	code := string(c.Args[last])
	name, err := script.LibraryName(code)
	if err != nil {
		c.Out.Error("ERR " + err.Error())
		return
	}
	f, r := c.libraries()
	libs := f.copy()
	if libs[name] != nil && !replace {
		c.Out.Error("ERR Library '" + name + "' already exists")
		return
	}
	if libs[name], err = f.load(r, name, code); err != nil {
		c.Out.Error("ERR " + err.Error())
		return
	}
	if double := clash(libs, name); double != "" {
		c.Out.Error("ERR Function " + double + " already exists")
		return
	}
	if c.storeLibraries(libs, []string{name}, nil) {
		c.Out.BulkString(name)
	}
}

// storeLibraries stores the named libraries of libs, which are loaded, deletes
// those that are gone, and makes libs what there is. False: the log takes no writes,
// and the client has been told.
func (c *Context) storeLibraries(libs map[string]*library, names, gone []string) bool {
	if !c.S.logTakesWrites() {
		return false
	}
	f := &c.Server.library
	c.internally(func() {
		for _, name := range gone {
			c.Tx.Delete([]byte(name))
		}
		for _, name := range names {
			c.Tx.Put([]byte(name), []byte(libs[name].code), engine.Expiry{})
		}
	})
	f.publish(libs)
	f.seen = c.Server.engine.Internals() + 1
	f.made.Store(f.seen)
	return true
}

func functionDelete(c *Context) {
	f, _ := c.libraries()
	libs, name := f.copy(), string(c.Args[2])
	if libs[name] == nil {
		c.Out.Error("ERR Library not found")
		return
	}
	delete(libs, name)
	if c.storeLibraries(libs, nil, []string{name}) {
		c.Out.OK()
	}
}

func functionFlush(c *Context) {
	switch {
	case len(c.Args) > 3:
		c.errorSub()
		return
	case len(c.Args) == 3 && !isOption(c.Args[2], "async") && !isOption(c.Args[2], "sync"):
		c.Out.Error("ERR FUNCTION FLUSH only supports SYNC|ASYNC option")
		return
	}
	f, _ := c.libraries()
	if c.storeLibraries(map[string]*library{}, nil, slices.Sorted(maps.Keys(f.copy()))) {
		c.Out.OK()
	}
}

func functionKill(c *Context) { c.killRun(true) }
