package command

import (
	"maps"
	"slices"

	"crdb/command/script"
	"crdb/rdb"
)

func functionDump(c *Context) {
	c.lockAll()
	stored := c.storedLibraries()
	w := rdb.NewWriter(nil)
	for _, name := range slices.Sorted(maps.Keys(stored)) {
		w.Function([]byte(stored[name]))
	}
	c.Out.Bulk(rdb.AppendFooter(w.Bytes()))
}

func functionRestore(c *Context) {
	if len(c.Args) > 4 {
		c.errorSub()
		return
	}
	replace, flush := false, false
	if len(c.Args) == 4 {
		switch policy := c.Args[3]; {
		case isOption(policy, "replace"):
			replace = true
		case isOption(policy, "flush"):
			flush = true
		case !isOption(policy, "append"):
			c.Out.Error("ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.")
			return
		}
	}
	body, err := rdb.CheckPayload(c.Args[2])
	if err != nil {
		c.Out.Error("ERR DUMP payload version or checksum are wrong")
		return
	}
	codes, err := rdb.ParseFunctions(body)
	if err != nil {
		c.Out.Error("ERR given type is not a function")
		return
	}
	c.restoreLibraries(codes, replace, flush)
}

// restoreLibraries adds all libraries or, if one does not fit, none.
func (c *Context) restoreLibraries(codes [][]byte, replace, flush bool) {
	f, r := c.libraries()
	libs := f.copy()
	var names, gone []string
	if flush {
		gone, libs = slices.Sorted(maps.Keys(libs)), map[string]*library{}
	}
	for _, code := range codes {
		name, err := script.LibraryName(string(code))
		if err == nil && libs[name] != nil && (!replace || slices.Contains(names, name)) {
			c.Out.Error("ERR Library " + name + " already exists")
			return
		}
		if err == nil {
			libs[name], err = f.load(r, name, string(code))
		}
		if err != nil {
			c.Out.Error("ERR " + err.Error())
			return
		}
		names = append(names, name)
	}
	if double := clash(libs, names...); double != "" {
		c.Out.Error("ERR Function " + double + " already exists")
		return
	}
	gone = slices.DeleteFunc(gone, func(name string) bool { return libs[name] != nil })
	if c.storeLibraries(libs, names, gone) {
		c.Out.OK()
	}
}
