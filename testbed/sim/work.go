package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"crdb/testbed/oracle"
)

// ownFamilies are the families of random commands besides the oracle's.
var ownFamilies = []string{"multi", "ttl", "flush", "append", "rows", "edits", "blocking", "script", "publish"}

// scarce is the family of a database with so few keys that what is left of
// those that are gone stands alone there.
const scarce, scarceDB = "scarce", "2"

// worker is one client: it sends random commands, and those of the ledger over
// a second connection.
type worker struct {
	r      *run
	n      *node
	name   string
	rng    *rand.Rand
	source *oracle.Mix
	own    []string // of ownFamilies, and scarce, those that are on
	plain  *client  // nil: not connected
	db     string   // that plain has selected
	sure   *client  // for the ledger
	seen   string   // the last element of the ledger's list this client has read
}

// work lets one client of a node work off its commands.
func (r *run) work(n *node, i int) {
	w := &worker{r: r, n: n, name: fmt.Sprintf("%s.%d", n.name, i)}
	w.rng = r.rand("client " + w.name)
	w.choose()
	defer w.disconnect()
	for range r.config.Ops {
		if !r.wait(upTo(w.rng, 80*time.Millisecond)) {
			return
		}
		w.step()
	}
}

func (w *worker) choose() {
	var theirs []string
	for _, f := range w.r.config.Families {
		if f == scarce || slices.Contains(ownFamilies, f) {
			w.own = append(w.own, f)
		} else {
			theirs = append(theirs, f)
		}
	}
	if len(theirs) > 0 {
		w.source = oracle.NewMix(w.rng, theirs...)
	}
}

// step does one thing.
func (w *worker) step() {
	if !w.connect() {
		return
	}
	switch k := w.rng.IntN(100); {
	case k < 40 && len(w.r.config.Ledger) > 0:
		w.r.ledger.step(w)
	case k < 55 && len(w.own) > 0 || w.source == nil:
		w.ownStep()
	default:
		w.send(w.source.Next(false))
	}
}

// connect makes the connections if there is a program to connect to.
func (w *worker) connect() bool {
	i := w.n.instance()
	if w.plain != nil && (w.plain.closed.Load() || w.plain.i != i) || w.sure != nil && (w.sure.closed.Load() || w.sure.i != i) {
		w.disconnect()
	}
	if i == nil {
		return false
	}
	if w.plain == nil {
		w.plain, w.sure, w.seen = i.connect(), i.connect(), "" // another instance need not have what this one saw
		w.db = strconv.Itoa(w.rng.IntN(2))
		w.send([]string{"SELECT", w.db})
		w.sure.do([]string{"SELECT", ledgerDB}, nil)
	}
	return !w.plain.closed.Load() && !w.sure.closed.Load()
}

func (w *worker) disconnect() {
	if w.plain != nil {
		w.plain.close()
		w.sure.close()
		w.plain, w.sure = nil, nil
	}
}

// send sends a command of which nothing is expected but a reply.
func (w *worker) send(args []string) {
	if _, ok := w.plain.do(args, nil); ok {
		w.r.ops.Add(1)
	}
}

func (w *worker) key() string {
	keys := oracle.EveryKey()
	return keys[w.rng.IntN(len(keys))]
}

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
