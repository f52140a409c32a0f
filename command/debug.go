package command

import (
	"fmt"
	"math"
	"strings"
	"time"

	"crdb/rdb"
)

const msgNoDebug = "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server."

// debugSwitches are what tests of Redis switch in it, and what has no meaning here.
var debugSwitches = map[string]bool{"set-active-expire": true, "pause-cron": true, "quicklist-packed-threshold": true}

// debugCommand has what tests need: SLEEP, which blocks this client only; OBJECT;
// digests, by which regions that have applied the same operations are alike; and
// DIVERGE, which makes this region differ from the others, so that a test can
// see whether that is found.
func debugCommand(c *Context) {
	if c.Server.config.String("enable-debug-command") == "no" {
		c.Out.Error(msgNoDebug)
		return
	}
	switch {
	case len(c.Args) == 3 && equalFold(c.Args[1], "sleep"):
		debugSleep(c)
	case len(c.Args) == 3 && debugSwitches[strings.ToLower(string(c.Args[1]))]:
		c.Out.OK()
	case len(c.Args) == 3 && equalFold(c.Args[1], "object"):
		debugObject(c)
	case len(c.Args) == 3 && equalFold(c.Args[1], "error"):
		c.Out.Error(string(c.Args[2]))
	case len(c.Args) == 4 && equalFold(c.Args[1], "diverge"):
		c.Tx.Diverge(c.Args[2], c.Args[3])
		c.Out.OK()
	case len(c.Args) == 2 && equalFold(c.Args[1], "digest"):
		c.Out.SimpleString(formDigest(c.Tx.Digest()))
	case len(c.Args) >= 2 && equalFold(c.Args[1], "digest-value"):
		c.Out.Array(len(c.Args) - 2)
		for _, key := range c.Args[2:] {
			c.Out.SimpleString(formDigest(c.Tx.DigestOf(key)))
		}
	case len(c.Args) == 2 && equalFold(c.Args[1], "digest-keys"):
		debugDigestKeys(c)
	case len(c.Args) == 3 && equalFold(c.Args[1], "protocol"):
		debugProtocol(c)
	case len(c.Args) == 2 && equalFold(c.Args[1], "help"):
		c.Out.Array(len(debugHelp))
		for _, line := range debugHelp {
			c.Out.SimpleString(line)
		}
	default:
		if !debugRefused(c) {
			c.errorSub()
		}
	}
}

// debugObject tells of a key in Redis's words, as far as they mean something
// here: there is no address, and the length is that of its DUMP.
func debugObject(c *Context) {
	c.lockAll()
	key := c.Args[2]
	c.untouched(func() {
		enc, ok := c.encoding(key)
		if !ok {
			c.Out.Error("ERR no such key")
			return
		}
		w := rdb.NewWriter(nil)
		if _, err := writeValue(w, c.Tx, key); err != nil {
			c.Error(err)
			return
		}
		idle, _ := c.Tx.Idle(key)
		lru := (c.S.now/1000 - idle) & (1<<24 - 1)
		c.Out.SimpleString(fmt.Sprintf("Value at:0x0 refcount:1 encoding:%s serializedlength:%d lru:%d lru_seconds_idle:%d",
			enc, len(w.Bytes())-1, lru, idle))
	})
}

func debugSleep(c *Context) {
	secs, _ := parseFloat(c.Args[2]) // what is no number is 0, as in Redis
	if c.S.mode&modeExec != 0 || secs <= 0 {
		c.Out.OK()
		return
	}
	size := 0
	for _, a := range c.Args {
		size += len(a)
	}
	c.S.blockOn(&sleep{c.Cmd, copyArgs(c.Args, size), c.S.clock}, time.Duration(min(secs, math.MaxInt32)*float64(time.Second)))
}

// debugDigestKeys lists every key of the selected database that has live state,
// also keys that do not show (any more), with the digest of that state.
func debugDigestKeys(c *Context) {
	var flat []string
	c.Tx.EachDigest(func(key []byte, digest uint64) { flat = append(flat, string(key), formDigest(digest)) })
	c.Out.Array(len(flat))
	for _, s := range flat {
		c.Out.BulkString(s)
	}
}

// formDigest gives a digest Redis's form: forty hexadecimal digits, zeros for
// what is not there.
func formDigest(d uint64) string { return fmt.Sprintf("%040x", d) }

// sleep is the wait of DEBUG SLEEP. As in Redis it is part of how long the command took:
// tests make slow commands of it.
type sleep struct {
	cmd   *Command
	args  [][]byte
	began int64 // monotonic nanoseconds
}

func (w *sleep) ready(s *Session, why wakeup) bool {
	if why == wakeCheck {
		return false
	}
	start := len(s.out.Buf)
	s.out.OK()
	s.count(w.cmd, w.args, start, s.srv.opts.Now()-w.began)
	return true
}

func (*sleep) end(*Session) {}
