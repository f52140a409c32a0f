package command

import (
	"math"

	"crdb/command/script"
)

// fcall is FCALL and FCALL_RO.
func fcall(c *Context) {
	f, r := c.libraries()
	fn := f.find(c.Args[1])
	if fn == nil {
		c.Out.Error("ERR Function not found")
		return
	}
	n, ok := c.functionKeys()
	if !ok || !r.mayRun(c, fn.Flags|script.Shebang) {
		return
	}
	p := &c.Server.scripts
	r.vm, r.function, r.line, r.began = f.vm, fn.Name, c.Args, c.Server.opts.Now()
	p.list(r)
	defer p.unlist(r)
	r.inside(func() {
		r.vm.Invoke(fn, r, c.Args[3:3+n], c.Args[3+n:]).WriteTo(c.Out)
	})
}

// functionKeys returns how many of the arguments are keys.
func (c *Context) functionKeys() (n int, ok bool) {
	v, ok := c.argRange(2, math.MinInt64, math.MaxInt64, "ERR Bad number of keys provided")
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
