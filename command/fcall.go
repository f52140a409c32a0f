package command

import (
	"math"

	"crdb/command/script"
)

// fcall is FCALL and FCALL_RO. Only under the locks is it known what the function
// is, and so whether it is short: if it is not, or libraries have to be loaded
// first, the command is put off until it has a goroutine of its own.
func fcall(c *Context) {
	s, f := c.S, &c.Server.library
	r := s.newRun(c.Cmd)
	c.lockAll()
	if !s.isAway() && !f.current(c.Server) {
		s.putOff = true
		return
	}
	f.refresh(c, r)
	fn := f.find(c.Args[1])
	if fn == nil {
		c.Out.Error("ERR Function not found")
		return
	}
	if !s.isAway() && !fn.Short(len(c.Args)-3) {
		s.putOff = true
		return
	}
	n, ok := c.functionKeys()
	if !ok || !r.mayRun(c, fn.Flags|script.Shebang) {
		return
	}
	p := &c.Server.scripts
	r.vm, r.function, r.line, r.began = f.vm, fn.Name, c.Args, c.Server.opts.Now()
	r.keys = c.Args[3 : 3+n]
	p.list(r)
	defer p.unlist(r)
	r.inside(func() {
		r.vm.Invoke(fn, r, c.Args[3:3+n], c.Args[3+n:]).WriteTo(c.Out)
	})
}

// functionKeys is scriptKeys of FCALL, which answers differently to what is no number.
func (c *Context) functionKeys() (n int, ok bool) {
	return c.keyCount(c.argRange(2, math.MinInt64, math.MaxInt64, "ERR Bad number of keys provided"))
}
