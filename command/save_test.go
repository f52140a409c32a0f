package command

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// until lets real time pass for goroutines that the server owns, until the
// reply comes.
func (c *conn) until(t *testing.T, want string) {
	t.Helper()
	got := c.take()
	for i := 0; i < 5000 && got == ""; i++ {
		time.Sleep(time.Millisecond)
		c.pump()
		got = c.take()
	}
	expect(t, got, want)
}

// A SAVE has a checkpoint on disk when it replies: nothing is left to save, and
// a restart has nothing to replay.
func TestSave(t *testing.T) {
	w := newWorld(t)
	c := w.dial("a")
	expect(t, c.do("LASTSAVE"), ":1700000000\r\n")
	c.do("SET", "k", "v")
	w.advance(5 * time.Second)
	c.in = append(c.in, wire("SAVE")...)
	c.pump()
	c.until(t, "+OK\r\n")
	expect(t, c.do("LASTSAVE"), ":1700000005\r\n")
	info := c.do("INFO", "persistence")
	for _, want := range []string{"rdb_saves:1\r\n", "rdb_bgsave_in_progress:0\r\n", "rdb_last_bgsave_status:ok\r\n", "rdb_last_bgsave_time_sec:0\r\n", "rdb_last_save_time:1700000005\r\n"} {
		if !strings.Contains(info, want) {
			t.Errorf("no %q in %q", want, info)
		}
	}
	expect(t, c.do("BGSAVE", "NOW"), "-ERR syntax error\r\n")
	expect(t, c.do("MULTI")+c.do("SAVE")+c.do("EXEC"),
		"+OK\r\n-ERR Command not allowed inside a transaction\r\n-EXECABORT Transaction discarded because of previous errors.\r\n")
}

// While a checkpoint runs, others are refused or put behind it as in Redis.
func TestSavesInTurn(t *testing.T) {
	w := newWorld(t)
	c, waiting := w.dial("a"), w.dial("b")
	release := w.blockCheckpoints()
	expect(t, c.do("BGSAVE"), "+Background saving started\r\n")
	expect(t, c.do("BGSAVE"), "-ERR Background save already in progress\r\n")
	expect(t, c.do("SAVE"), "-ERR Background save already in progress\r\n")
	expect(t, c.do("BGREWRITEAOF"), "+Background append only file rewriting scheduled\r\n")
	expect(t, waiting.do("SHUTDOWN", "SAVE"), "-ERR SHUTDOWN is not allowed here: stop the server process instead\r\n")
	info := c.do("INFO", "persistence")
	if !strings.Contains(info, "aof_rewrite_scheduled:1\r\n") || !strings.Contains(info, "aof_rewrite_in_progress:0\r\n") {
		t.Errorf("INFO: %q", info)
	}
	release()
	w.srv.saves.jobs.Wait()
	if info = c.do("INFO", "persistence"); !strings.Contains(info, "aof_rewrites:1\r\n") || !strings.Contains(info, "rdb_saves:2\r\n") {
		t.Errorf("INFO afterwards: %q", info)
	}
	release = w.blockCheckpoints()
	expect(t, c.do("BGREWRITEAOF"), "+Background append only file rewriting started\r\n")
	expect(t, c.do("BGREWRITEAOF"), "-ERR Background append only file rewriting already in progress\r\n")
	if got := c.do("BGSAVE"); !strings.HasPrefix(got, "-ERR Another child process is active") {
		t.Error(got)
	}
	expect(t, c.do("BGSAVE", "SCHEDULE"), "+Background saving scheduled\r\n")
	waiting.do("SAVE") // refused: one is scheduled
	release()
	w.srv.saves.jobs.Wait()
}

// blockCheckpoints keeps checkpoints from ending: they need every partition.
func (w *world) blockCheckpoints() (release func()) {
	tx := w.srv.engine.NewTx()
	tx.LockKey(w.wall.Load(), []byte("no key of the test"))
	return tx.Unlock
}

func TestShutdownWords(t *testing.T) {
	w := newWorld(t)
	stops, refuse := 0, errors.New("not now")
	w.srv.opts.Shutdown = func() error {
		stops++
		return refuse
	}
	c := w.dial("a")
	const syntax = "-ERR syntax error\r\n"
	for line, want := range map[string]string{
		"SAVE NOSAVE": syntax, "NOW ABORT": syntax, "ABORT FORCE": syntax, "NOSAVE NOW SAVE": syntax, "WHAT": syntax,
		"ABORT": "-ERR No shutdown in progress.\r\n", "abort ABORT": "-ERR No shutdown in progress.\r\n",
	} {
		expect(t, c.do(append([]string{"SHUTDOWN"}, strings.Fields(line)...)...), want)
	}
	if stops != 0 {
		t.Fatalf("%d shutdowns although the words are wrong", stops)
	}
	expect(t, c.do("SHUTDOWN", "NOSAVE", "NOW", "FORCE", "NOW"), "-ERR not now\r\n")
	c.in = append(c.in, wire("SHUTDOWN", "SAVE")...)
	c.pump()
	c.until(t, "-ERR not now\r\n")
	if n := w.srv.engine.Stats().Checkpoints; n != 1 || stops != 2 {
		t.Errorf("%d checkpoints, %d shutdowns", n, stops)
	}
	refuse = nil
	expect(t, c.do("SHUTDOWN"), "")
	if expect(t, c.do("PING"), ""); c.closed || stops != 3 {
		t.Error("a client that has stopped the server goes on, or is gone before the server")
	}
}
