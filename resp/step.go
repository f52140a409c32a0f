package resp

import "runtime/debug"

// verdict says how a connection goes on after a step.
type verdict int

const (
	goOn   verdict = iota
	stall          // the socket takes no more, or too much input is kept
	end            // close
	putOff         // go on, and send when the round of the loop ends
)

// keepInput is how much room for kept input an idle connection holds on to.
const keepInput = 4 << 10

// step lets the session work on the kept input and data, and sends what it
// has to say: one write for everything that data caused, unless the session
// stops in between. data is not used after the call.
func (c *conn) step(data []byte) verdict {
	kept := len(c.in) > 0
	if kept {
		c.in = append(c.in, data...)
		data = c.in
	}
	taken := 0
	v := c.exchange(data, &taken)
	if taken > 0 || !kept {
		c.keep(data[taken:])
	}
	paused := c.session.Paused()
	if paused != c.paused.Load() {
		c.paused.Store(paused)
	}
	if v == goOn && paused && len(c.in) > c.srv.opts.PausedInput {
		return stall
	}
	return v
}

// exchange alternates Input and sending until the session wants more input.
// It counts in taken how much of data the session took. What a Wake brought
// is sent first: a session that is full takes no input. One that was killed is
// neither answered nor obeyed any more.
func (c *conn) exchange(data []byte, taken *int) verdict {
	if c.killed.Load() {
		return end
	}
	if v := c.send(); v != goOn {
		return v
	}
	for {
		used := 0
		if *taken < len(data) && !c.session.Paused() && !c.session.Done() {
			used = c.session.Input(data[*taken:])
			*taken += used
		}
		if *taken == len(data) && c.mayPutOff() {
			return putOff
		}
		if v := c.send(); v != goOn {
			return v
		}
		if c.killed.Load() || c.session.Done() {
			return end
		}
		if c.run.woken {
			c.run.woken = false
			continue
		}
		if used == 0 || *taken == len(data) {
			return goOn
		}
	}
}

// putOffBytes is how much output may wait for the end of its loop's round: with more, the
// copying is what costs, and memory would be held for nothing.
const putOffBytes = 4 << 10

// mayPutOff reports whether output is to wait for the end of the loop's round.
func (c *conn) mayPutOff() bool {
	if !c.round || c.killed.Load() || c.session.Done() {
		return false
	}
	n := len(c.session.Output())
	return n > 0 && n <= putOffBytes
}

// keep makes rest the kept input. rest may lie within c.in.
func (c *conn) keep(rest []byte) {
	switch {
	case cap(c.in) <= keepInput || len(rest) > cap(c.in)/4:
		c.in = append(c.in[:0], rest...)
	case len(rest) == 0:
		c.in = nil
	default:
		c.in = append([]byte(nil), rest...)
	}
}

// send brings the session's output to the socket.
func (c *conn) send() verdict {
	if c.run.nc != nil {
		return c.sendStream()
	}
	return c.sendLoop()
}

// guard runs f, which calls the session. A panic of the session costs its
// connection and nothing else.
func (c *conn) guard(f func() verdict) (v verdict) {
	defer c.caught(&v)
	return f()
}

// caught turns a panic into the end of the connection. To be deferred.
func (c *conn) caught(v *verdict) {
	if r := recover(); r != nil {
		c.srv.count.panics.Add(1)
		c.srv.logs.panics.error(c.srv, "client closed: its session panicked",
			"client", c.id, "addr", c.remote, "panic", r, "stack", string(debug.Stack()))
		c.killed.Store(true)
		*v = end
	}
}
