package peer

import (
	"context"
	"log/slog"
	"math/bits"
	"sync"

	"crdb/crdt"
)

// quiet logs what goes wrong without flooding: of the same trouble with the
// same replica it shows the first, second, fourth, eighth ... time. A recovery
// starts the count again.
type quiet struct {
	to *slog.Logger

	mu struct {
		sync.Mutex
		seen map[trouble]uint
	}
}

type trouble struct {
	replica crdt.ReplicaID
	what    string
}

// maxTroubles bounds what is remembered; beyond it the count starts again.
const maxTroubles = 4096

// count returns how often the trouble came, and whether to show it.
func (q *quiet) count(t trouble) (n uint, show bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.mu.seen == nil || len(q.mu.seen) > maxTroubles {
		q.mu.seen = map[trouble]uint{}
	}
	q.mu.seen[t]++
	n = q.mu.seen[t]
	return n, bits.OnesCount(n) == 1
}

// forget starts the counts of a replica again.
func (q *quiet) forget(r crdt.ReplicaID) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for t := range q.mu.seen {
		if t.replica == r {
			delete(q.mu.seen, t)
		}
	}
}

// error logs something that needs a person.
func (q *quiet) error(what string, r crdt.ReplicaID, err error) { q.log(slog.LevelError, what, r, err) }

// warn logs something that may heal by itself.
func (q *quiet) warn(what string, r crdt.ReplicaID, err error) { q.log(slog.LevelWarn, what, r, err) }

func (q *quiet) log(level slog.Level, what string, r crdt.ReplicaID, err error) {
	if n, show := q.count(trouble{r, what}); show {
		q.to.Log(context.Background(), level, what, "peer", r, "err", err, "times", n)
	}
}
