package control

import (
	"math/bits"
	"sync"
)

// quiet counts the troubles that the finisher meets anew in every look, so that a node
// that is away for days does not fill the logs of the others: a trouble is shown the
// first, second, fourth, eighth ... time.
type quiet struct {
	mu   sync.Mutex
	seen map[trouble]uint
}

// trouble is one that lasts. Its error is no part of it: a node that is away fails
// calls in more than one way.
type trouble struct{ guid, what, with string }

// maxTroubles bounds what is remembered; beyond it the counts start again.
const maxTroubles = 4096

// count returns how often the trouble was met, and whether to show it.
func (q *quiet) count(t trouble) (times uint, show bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.seen == nil || len(q.seen) >= maxTroubles {
		q.seen = map[trouble]uint{}
	}
	q.seen[t]++
	times = q.seen[t]
	return times, bits.OnesCount(times) == 1
}

// forget starts the counts of a trouble of a database again, with whomever it was.
func (q *quiet) forget(guid, what string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for t := range q.seen {
		if t.guid == guid && t.what == what {
			delete(q.seen, t)
		}
	}
}

// warnRarely logs what lasts until somebody acts, and that about a database.
func (n *Node) warnRarely(t trouble, args ...any) {
	if times, show := n.quiet.count(t); show {
		n.log.Warn(t.what, append(args, "times", times)...)
	}
}
