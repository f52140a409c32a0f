package command

import (
	"strconv"
	"testing"

	"crdb/command/script"
)

// A script that keeps to its keys runs while another client holds other keys;
// any other script waits.
func TestScriptsLockTheirKeys(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		body  string
		keyed bool
	}{
		{"return 1", true},
		{"if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end", true},
		{"return redis.call('mset', KEYS[1], 1, KEYS[2], ARGV[1])", true},
		{"return redis.call('del', KEYS[1], unpack(KEYS))", true},
		{"return redis.call('blpop', unpack(KEYS))", true},
		{"return redis.call('rename', KEYS[1], KEYS[2])", true},
		{"return redis.call('zunionstore', KEYS[1], 2, KEYS[2], KEYS[3])", true},
		{"return redis.call('object', 'encoding', KEYS[1])", true},
		{"redis.call('publish', ARGV[1], 'x') return redis.call('time')", true},
		{"return redis.call('subscribe', 'x')", true}, // refused when it runs
		{"return redis.call('mset', KEYS[1], 1, ARGV[1], 2)", false},
		{"return redis.call('mset', KEYS[1], unpack(KEYS))", false},
		{"return redis.call('del', KEYS[1], unpack(ARGV))", false},
		{"return redis.call('get', unpack(ARGV))", false},
		{"return redis.call('get', 'x')", false},
		{"return redis.call('get', KEYS[1] .. ARGV[1])", false},
		{"return redis.call('zunionstore', KEYS[1], ARGV[1], KEYS[2], KEYS[3])", false},
		{"return redis.call('xread', 'count', ARGV[1], 'streams', KEYS[1], 0)", false},
		{"return redis.call('sort', KEYS[1])", false},
		{"return redis.call('keys', KEYS[1])", false},
		{"return redis.call('dbsize')", false},
		{"return redis.call('flushall')", false},
		{"return redis.call('nothing', KEYS[1])", false},
		{"return redis.call(ARGV[1], KEYS[1])", false},
	} {
		sc, err := w.srv.scripts.compiled([]byte(c.body), false)
		if err != nil {
			t.Fatal(err)
		}
		if sc.Keyed != c.keyed {
			t.Errorf("%s: keyed is %v", c.body, sc.Keyed)
		}
	}
}

// While a client holds some keys, a script with others runs; in one group, as
// any script.
func TestScriptsRunBesideOthers(t *testing.T) {
	w := newWorld(t)
	c := w.dial("a")
	tx := w.srv.engine.NewTx()
	tx.LockKey(w.wall.Load(), []byte("held"))
	free := ""
	for i := 0; free == ""; i++ {
		if key := "free" + strconv.Itoa(i); !tx.Holds([]byte(key)) {
			free = key
		}
	}
	const body = "redis.call('set', KEYS[1], ARGV[1]) redis.call('append', KEYS[1], 'x') return redis.call('get', KEYS[1])"
	expect(t, c.do("EVAL", body, "1", free, "v"), "$2\r\nvx\r\n")
	expect(t, c.do("EVAL", "return KEYS[1]", "0"), "$-1\r\n")
	tx.Unlock()
}

// What the text promises is looked at again before each command: if it were
// wrong, nothing would be touched that is not locked.
func TestScriptsAreHeldToTheirKeys(t *testing.T) {
	w := newWorld(t)
	c := w.dial("a")
	const body = "redis.call('set', KEYS[1], 'v') return redis.call('incr', ARGV[1])"
	sc, err := script.Compile(script.SHA([]byte(body)), body)
	if err != nil {
		t.Fatal(err)
	}
	sc.Keyed = true // which is wrong
	w.srv.scripts.mu.Lock()
	w.srv.scripts.bodies[body], w.srv.scripts.shas[sc.SHA] = sc, sc
	w.srv.scripts.mu.Unlock()
	tx := w.srv.engine.NewTx()
	tx.LockKey(w.wall.Load(), []byte("k"))
	other := ""
	for i := 0; other == ""; i++ {
		if key := "n" + strconv.Itoa(i); !tx.Holds([]byte(key)) {
			other = key
		}
	}
	tx.Unlock()
	expect(t, c.do("EVAL", body, "1", "k", other), "-"+msgScriptKeys+" script: "+sc.SHA+", on @user_script:1.\r\n")
	expect(t, c.do("GET", other)+c.do("GET", "k"), "$-1\r\n$1\r\nv\r\n")
	expect(t, c.do("EVAL", body, "2", "k", other, other), ":1\r\n")
}

// BenchmarkEval is a compare-and-delete, and the same with a key that the text
// does not show to be one of KEYS.
func BenchmarkEval(b *testing.B) {
	for name, body := range map[string]string{
		"keyed":   "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end",
		"unkeyed": "if redis.call('get', KEYS[1] .. '') == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end",
	} {
		b.Run(name, func(b *testing.B) {
			w := newWorld(b)
			c := w.dial("a")
			c.do("SET", "k", "v")
			line := wire("EVALSHA", c.do("SCRIPT", "LOAD", body)[5:45], "1", "k", "other")
			b.ReportAllocs()
			for b.Loop() {
				c.in = append(c.in[:0], line...)
				c.s.Input(c.in)
				c.s.Sent(len(c.s.Output()))
			}
		})
	}
}
