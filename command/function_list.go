package command

import (
	"maps"
	"slices"

	"crdb/command/script"
	"crdb/engine"
)

func functionList(c *Context) {
	var pattern []byte
	code := false
	for i := 2; i < len(c.Args); i++ {
		switch arg := c.Args[i]; {
		case !code && isOption(arg, "withcode"):
			code = true
		case pattern == nil && isOption(arg, "libraryname"):
			if i++; i == len(c.Args) {
				c.Out.Error("ERR library name argument was not given")
				return
			}
			pattern = c.Args[i]
		default:
			c.Out.Error("ERR Unknown argument " + echo(arg))
			return
		}
	}
	f, _ := c.libraries()
	libs := f.copy()
	var names []string
	for _, name := range slices.Sorted(maps.Keys(libs)) {
		if pattern == nil || globMatchFold(pattern, []byte(name)) {
			names = append(names, name)
		}
	}
	c.Out.Array(len(names))
	for _, name := range names {
		c.replyLibrary(name, libs[name], code)
	}
}

func (c *Context) replyLibrary(name string, lib *library, code bool) {
	if code {
		c.Out.Map(4)
	} else {
		c.Out.Map(3)
	}
	c.Out.BulkString("library_name")
	c.Out.BulkString(name)
	c.Out.BulkString("engine")
	c.Out.BulkString("LUA")
	c.Out.BulkString("functions")
	c.Out.Array(len(lib.functions))
	for _, fn := range lib.functions {
		c.replyFunction(fn)
	}
	if code {
		c.Out.BulkString("library_code")
		c.Out.BulkString(lib.code)
	}
}

func (c *Context) replyFunction(fn *script.Function) {
	c.Out.Map(3)
	c.Out.BulkString("name")
	c.Out.BulkString(fn.Name)
	c.Out.BulkString("description")
	if fn.Description == "" {
		c.Out.Null()
	} else {
		c.Out.BulkString(fn.Description)
	}
	c.Out.BulkString("flags")
	flags := fn.Flags.FlagNames()
	c.Out.Set(len(flags))
	for _, name := range flags {
		c.Out.SimpleString(name)
	}
}

// librarySum says how much there is of libraries.
type librarySum struct{ libraries, functions, bytes int }

func (f *functions) sum() (s librarySum) {
	for _, lib := range f.copy() {
		s.libraries++
		s.functions += len(lib.functions)
		s.bytes += len(lib.code)
	}
	return s
}

// librarySum counts the libraries for INFO and the like, which hold no locks:
// what has changed since they were last used is loaded first. In EXEC, and
// while a script runs, it tells what is loaded.
func (c *Context) librarySum() librarySum {
	f := &c.Server.library
	sum := f.sum()
	stale := f.made.Load() != c.Server.engine.Internals()+1 && (sum.libraries > 0 || c.Tx.LenOf(engine.Internal) > 0)
	if stale && c.S.mode&modeExec == 0 && c.Server.scripts.away.Load() == 0 {
		c.libraries()
		c.Tx.Unlock()
		c.Tx.LockNone(c.S.now)
		sum = f.sum()
	}
	return sum
}

// functionStats runs beside a script, too: then it looks at nothing that is
// locked.
func functionStats(c *Context) {
	p := &c.Server.scripts
	if p.away.Load() == 0 {
		c.libraries()
	}
	sum := c.Server.library.sum()
	c.Out.Map(2)
	c.Out.BulkString("running_script")
	c.replyRunning()
	c.Out.BulkString("engines")
	c.Out.Map(1)
	c.Out.BulkString("LUA")
	c.Out.Map(2)
	c.Out.BulkString("libraries_count")
	c.Out.Int(int64(sum.libraries))
	c.Out.BulkString("functions_count")
	c.Out.Int(int64(sum.functions))
}

// replyRunning tells of the function that is running.
func (c *Context) replyRunning() {
	p := &c.Server.scripts
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.functionLocked()
	if r == nil {
		c.Out.Null()
		return
	}
	c.Out.Map(3)
	c.Out.BulkString("name")
	c.Out.BulkString(r.function)
	c.Out.BulkString("command")
	c.Out.Array(len(r.line))
	for _, arg := range r.line {
		c.Out.Bulk(arg)
	}
	c.Out.BulkString("duration_ms")
	c.Out.Int((c.Server.opts.Now() - r.began) / 1e6)
}
