package sim

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"

	"crdb/crdt"
	"crdb/testbed/oracle"
)

// The ledger lives in a logical database of its own, which no random command
// touches.
const (
	ledgerDB  = "3"
	ledgerNum = 3
	setKey    = "ledger:set"
	listKey   = "ledger:list"
	sumKey    = "ledger:sum"
	regKey    = "ledger:reg"
)

// ledgerKinds are the commands of the ledger: members are only added to its
// set, elements only pushed to the right end of its list, its counter is only
// added to, its register only set; and each region writes several keys of its
// own in one transaction.
var ledgerKinds = []string{"set", "list", "sum", "reg", "group"}

// groupKeys are the keys that an instance writes together. Another one of the
// same region has others: each is the only one to write its own.
func groupKeys(id crdt.ReplicaID) (text, list, hash string) {
	return fmt.Sprint("ledger:text:", id), fmt.Sprint("ledger:log:", id), fmt.Sprint("ledger:hash:", id)
}

// entry is one write of the ledger. Every entry has a value of its own, by
// which it is found again in the logs.
type entry struct {
	kind  string
	value string
	i     *instance
	acked bool
	after string // list: an element that its author had seen before
	wrote string // who
}

// ledger is what clients have written into it.
type ledger struct {
	r    *run
	next atomic.Int64
	mu   struct {
		sync.Mutex
		entries []*entry
	}
}

func newLedger(r *run) *ledger { return &ledger{r: r} }

// step reads or writes something.
func (l *ledger) step(w *worker) {
	kinds := l.r.config.Ledger
	kind := kinds[w.rng.IntN(len(kinds))]
	if kind == "group" && w.rng.IntN(2) == 0 {
		l.readGroup(w)
		return
	}
	e := &entry{kind: kind, value: l.value(kind, w.rng), i: w.sure.i, wrote: w.name}
	switch kind {
	case "set":
		l.write(w, e, "SADD", setKey, e.value)
	case "list":
		if rep, ok := w.sure.do([]string{"LINDEX", listKey, "-1"}, nil); ok && !rep.IsNull() && !rep.IsError() {
			w.seen = rep.Body
		}
		e.after = w.seen
		l.write(w, e, "RPUSH", listKey, e.value)
		w.seen = ""
		if e.acked {
			w.seen = e.value
		}
	case "sum":
		l.write(w, e, "INCRBY", sumKey, e.value)
	case "reg":
		l.write(w, e, "SET", regKey, e.value)
	case "group":
		l.writeGroup(w, e)
	}
}

// value makes a value that no other entry has. Those of a sum are so far apart
// that different sets of them nearly never add up to the same.
func (l *ledger) value(kind string, rng *rand.Rand) string {
	n := l.next.Add(1)
	if kind == "sum" {
		return strconv.FormatInt(n<<32|rng.Int64N(1<<32), 10)
	}
	return fmt.Sprintf("e%d", n)
}

func (l *ledger) add(e *entry) {
	l.mu.Lock()
	l.mu.entries = append(l.mu.entries, e)
	l.mu.Unlock()
}

// write sends the command of an entry.
func (l *ledger) write(w *worker, e *entry, args ...string) {
	l.add(e)
	w.sure.do(args, func(rep oracle.Reply) {
		e.acked = !rep.IsError()
		l.r.ops.Add(1)
	})
}

// writeGroup writes one value to several keys at once.
func (l *ledger) writeGroup(w *worker, e *entry) {
	l.add(e)
	text, list, hash := groupKeys(w.sure.i.id)
	for _, args := range [][]string{{"MULTI"}, {"SET", text, e.value}, {"LPUSH", list, e.value}, {"HSET", hash, "f", e.value}} {
		if rep, ok := w.sure.do(args, nil); !ok || rep.IsError() {
			w.sure.close() // a transaction half queued is of no use
			return
		}
	}
	w.sure.do([]string{"EXEC"}, func(rep oracle.Reply) {
		e.acked = len(rep.Items) == 3 && !rep.Items[0].IsError()
		l.r.ops.Add(4)
	})
}

// readGroup reads the keys of a region together: all show the same (S4).
func (l *ledger) readGroup(w *worker) {
	text, list, hash := groupKeys(crdt.ReplicaID(1 + w.rng.IntN(int(l.r.register.highest()))))
	i := w.sure.i
	partial := i.ahead() // images bring keys one after the other
	for _, args := range [][]string{{"MULTI"}, {"GET", text}, {"LINDEX", list, "0"}, {"HGET", hash, "f"}} {
		if rep, ok := w.sure.do(args, nil); !ok || rep.IsError() {
			w.sure.close()
			return
		}
	}
	w.sure.do([]string{"EXEC"}, func(rep oracle.Reply) {
		l.r.ops.Add(4)
		if rep.IsError() || partial || i.ahead() || l.r.register.partly(i.engine.Vector()) {
			return // also when what images brought of a lost member's is all there is
		}
		if len(rep.Items) != 3 || rep.Items[0].Wire() != rep.Items[1].Wire() || rep.Items[0].Wire() != rep.Items[2].Wire() {
			l.r.fail("S4: %s shows half a transaction: %s", w.n.name, rep)
		}
	})
}

// dots finds the entries in the logs: the dot of each that is on a disk.
func (l *ledger) dots() map[string]crdt.Dot {
	found := map[string]crdt.Dot{}
	l.r.history.each(func(op *crdt.Op, d crdt.Dot) {
		if op.DB != ledgerNum {
			return
		}
		var value string
		switch key := string(op.Key); {
		case op.Kind == crdt.KindIncr && key == sumKey:
			value = string(op.Delta.Append(nil))
		case op.Kind == crdt.KindPut:
			value = string(op.Value)
		case op.Kind == crdt.KindSetAdd && len(op.Elems) == 1:
			value = string(op.Elems[0].Name)
		case op.Kind == crdt.KindListPush && key == listKey && len(op.Elems) == 1:
			value = string(op.Elems[0].Value)
		default:
			return
		}
		found[value] = d
	})
	return found
}
