package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"crdb/testbed/oracle"
)

// worker is one client: it sends random commands, and those of the ledger over
// a second connection.
type worker struct {
	r      *run
	n      *node
	name   string
	rng    *rand.Rand
	source *oracle.Mix
	own    []string // of ownFamilies, scarce and long, those that are on
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
		if f == scarce || f == long || slices.Contains(ownFamilies, f) {
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
