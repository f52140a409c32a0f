package sim

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// ownFamilies are the families of random commands besides the oracle's.
var ownFamilies = []string{"multi", "ttl", "flush", "append", "rows", "edits", "blocking", "script", "publish"}

// scarce is the family of a database with so few keys that what is left of
// those that are gone stands alone there.
const scarce, scarceDB = "scarce", "2"

// long is the family of keys with more elements, and of longer strings.
const long = "long"

// ownStep does one command, or a few that belong together, of ownFamilies.
func (w *worker) ownStep() {
	if len(w.own) == 0 {
		return
	}
	ms := strconv.Itoa(1 + w.rng.IntN(3000))
	switch w.own[w.rng.IntN(len(w.own))] {
	case "multi":
		w.transaction()
	case "ttl":
		w.send([][]string{{"PEXPIRE", w.key(), ms}, {"SET", "s1", "x", "PX", ms}, {"PERSIST", w.key()}, {"GETEX", "s2", "PX", ms},
			{"PEXPIREAT", w.key(), strconv.FormatInt(time.Now().UnixMilli()+int64(w.rng.IntN(2000)), 10)}}[w.rng.IntN(5)])
	case "flush":
		if w.rng.IntN(10) == 0 {
			w.send([]string{"FLUSHDB"})
		}
	case "rows":
		w.rowsStep(ms)
	case "edits":
		w.editsStep(ms)
	case "append":
		w.send([][]string{{"XADD", "r1", "*", "f", ms}, {"XADD", "r2", "MAXLEN", "~", "20", "*", "f", ms},
			{"XGROUP", "CREATE", "r1", "g1", "0", "MKSTREAM"}, {"XREADGROUP", "GROUP", "g1", "c1", "COUNT", "3", "STREAMS", "r1", ">"},
			{"RPUSH", "l1", ms, ms}, {"LPUSH", "l2", ms}, {"LINSERT", "l1", "BEFORE", ms, "x"}, {"APPEND", "s1", "x"}}[w.rng.IntN(8)])
	case "blocking":
		w.send([][]string{{"BLPOP", "l1", "l2", "0.3"}, {"BRPOPLPUSH", "l1", "l2", "0.2"}, {"BZPOPMIN", "z1", "0.2"},
			{"WAIT", "1", "300"}, {"XREAD", "BLOCK", "200", "STREAMS", "r1", "$"}}[w.rng.IntN(5)])
	case "script":
		w.send([]string{"EVAL", "local n = redis.call('incr', KEYS[1]) redis.call('rpush', KEYS[2], n, ARGV[1]) return n", "2",
			"n1", "l3", ms})
	case "publish":
		w.send([]string{"PUBLISH", "news", ms})
	case scarce:
		w.scarceStep(ms)
	case long:
		w.longStep()
	}
}

// scarceStep does one command in the database with few keys.
func (w *worker) scarceStep(ms string) {
	key := string('a' + rune(w.rng.IntN(12)))
	w.send([]string{"SELECT", scarceDB})
	if w.rng.IntN(40) == 0 {
		w.send([]string{"FLUSHDB"})
	}
	w.send([][]string{{"DEL", key}, {"UNLINK", key}, {"PEXPIRE", key, ms}, {"PERSIST", key}, {"INCR", key}, {"HINCRBY", key, "f", "1"},
		{"HPEXPIRE", key, ms, "FIELDS", "1", "f"}, {"HDEL", key, "f"}, {"ZINCRBY", key, "1", "m"}, {"SADD", key, "m"}}[w.rng.IntN(10)])
	w.send([]string{"SELECT", w.db})
}

// transaction sends random commands inside MULTI.
func (w *worker) transaction() {
	if w.source == nil {
		return
	}
	if w.rng.IntN(3) == 0 {
		w.send([]string{"WATCH", w.key()})
	}
	w.send([]string{"MULTI"})
	for range w.rng.IntN(6) {
		w.send(w.source.Next(true))
	}
	w.send([]string{"EXEC"})
}

// longStep makes a key longer, cuts a piece out of one, or copies one.
func (w *worker) longStep() {
	few := func(head ...string) []string { // a head and a few dozen numbers
		for range 20 + w.rng.IntN(60) {
			head = append(head, strconv.Itoa(w.rng.IntN(500)))
		}
		return head
	}
	even := func(args []string, from int) []string { return args[:len(args)-(len(args)-from)%2] }
	from, to := strconv.Itoa(w.rng.IntN(100)), strconv.Itoa(w.rng.IntN(300))
	key := func(of string) string { return of + strconv.Itoa(1+w.rng.IntN(2)) }
	text := strings.Repeat(from, 1+w.rng.IntN(4000))
	switch w.rng.IntN(28) {
	case 0, 1:
		w.send(few("SADD", key("t")))
	case 2, 3:
		w.send(even(few("HSET", key("h")), 2))
	case 4, 5:
		w.send(even(few("ZADD", key("z")), 2))
	case 6:
		w.send(few("RPUSH", key("l")))
	case 7:
		w.send(few("LPUSH", key("l")))
	case 8, 9:
		w.send([]string{"EVAL", "for i = 1, ARGV[1] do redis.call('xadd', KEYS[1], '*', 'f', i) end", "1", key("r"), from})
	case 10:
		w.send(few("PFADD", key("p")))
	case 11, 12:
		w.send([]string{"SET", key("s"), text})
	case 13:
		w.send([]string{"SETRANGE", key("s"), to + "0", text})
	case 14:
		w.send([]string{"APPEND", key("s"), text})
	case 15:
		w.send(few("SREM", key("t")))
	case 16:
		w.send(few("HDEL", key("h")))
	case 17:
		w.send([]string{"ZREMRANGEBYRANK", key("z"), from, to})
	case 18:
		w.send([]string{"LTRIM", key("l"), "0", to})
	case 19:
		w.send([]string{"XTRIM", key("r"), "MAXLEN", from})
	case 20:
		w.send([]string{"SUNIONSTORE", key("t"), "t1", "t2", "z1"})
	case 21:
		fields := few()
		w.send(append([]string{"HPEXPIRE", key("h"), to + "0", "FIELDS", strconv.Itoa(len(fields))}, fields...))
	case 22, 23:
		list, pivot := key("l"), "in"
		w.send([]string{"LPUSH", list, "out", pivot})
		for i := range w.rng.IntN(60) { // each between the two before it
			next := w.name + strconv.Itoa(i)
			w.send([]string{"LINSERT", list, []string{"AFTER", "BEFORE"}[i%2], pivot, next})
			pivot = next
		}
	case 24:
		w.evict(to)
	case 25:
		if w.rng.IntN(8) == 0 {
			w.send([]string{"SETRANGE", key("s"), "7" + to + "00", "x"})
		}
	default:
		of := string("thzlrps"[w.rng.IntN(7)])
		w.send([][]string{{"RENAME", key(of), key(of)}, {"COPY", key(of), key(of), "REPLACE"}, {"COPY", key(of), key(of), "DB", from[:1]},
			{"MOVE", key(of), from[:1]}, {"UNLINK", key(of)}}[w.rng.IntN(5)])
	}
}

// editsStep changes long strings in place, a few at a time, so that one block has
// several changes of one string.
func (w *worker) editsStep(ms string) {
	key := []string{"s1", "s2"}[w.rng.IntN(2)]
	at := strconv.Itoa(w.rng.IntN(900))
	for range 1 + w.rng.IntN(5) {
		w.send([][]string{{"SETRANGE", key, at, ms}, {"SETBIT", key, at, "1"}, {"SETBIT", key, "8" + at, ms[len(ms)-1:]}, {"APPEND", key, ms},
			{"BITFIELD", key, "SET", "u16", at, ms, "INCRBY", "i8", "7" + at, "1"}, {"SETRANGE", key, "1000", ms}, {"COPY", "s1", "s2", "REPLACE"},
			{"RENAME", "s1", "s2"}, {"PEXPIRE", key, ms + "0"}, {"GETEX", key, "PERSIST"}}[w.rng.IntN(10)])
	}
}

// rowsStep grows lists and streams by a dozen elements, or cuts rows out of them.
func (w *worker) rowsStep(ms string) {
	dozen := slices.Repeat([]string{ms}, 12)
	from := w.rng.IntN(12)
	w.send([][]string{append([]string{"RPUSH", "l1"}, dozen...), append([]string{"LPUSH", "l2"}, dozen...),
		{"EVAL", "for i = 1, 12 do redis.call('xadd', KEYS[1], '*', 'f', ARGV[1]) end", "1", "r1", ms},
		{"LTRIM", "l1", strconv.Itoa(from), strconv.Itoa(from + 12)}, {"LTRIM", "l2", strconv.Itoa(-from - 12), "-1"},
		{"LPOP", "l1", strconv.Itoa(8 + from)}, {"RPOP", "l2", strconv.Itoa(8 + from)},
		{"XTRIM", "r1", "MAXLEN", strconv.Itoa(from)}, {"LINSERT", "l1", "AFTER", ms, "x"}, {"LSET", "l2", strconv.Itoa(from), "y"}}[w.rng.IntN(10)])
}

// evict leaves a node so little memory for a moment that keys with a deadline go.
func (w *worker) evict(bytes string) {
	w.send([]string{"CONFIG", "SET", "maxmemory-policy", []string{"volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl"}[w.rng.IntN(4)]})
	w.send([]string{"CONFIG", "SET", "maxmemory", bytes + "000"})
	for range w.rng.IntN(4) {
		w.send([]string{"SET", "s3", bytes, "PX", bytes + "0"})
	}
	w.send([]string{"CONFIG", "SET", "maxmemory", "0"})
}
