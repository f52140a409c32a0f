package peer

import (
	"context"
	"log/slog"

	"crdb/crdt"
	"crdb/peer/quiet"
)

// quietLog logs what goes wrong without flooding. A recovery starts the counts again.
type quietLog struct {
	to     *slog.Logger
	counts quiet.Counts[trouble]
}

type trouble struct {
	replica crdt.ReplicaID
	what    string
}

// forget starts the counts of a replica again.
func (q *quietLog) forget(r crdt.ReplicaID) {
	q.counts.Forget(func(t trouble) bool { return t.replica == r })
}

// error logs something that needs a person.
func (q *quietLog) error(what string, r crdt.ReplicaID, err error) {
	q.log(slog.LevelError, what, r, err)
}

// warn logs something that may heal by itself.
func (q *quietLog) warn(what string, r crdt.ReplicaID, err error) {
	q.log(slog.LevelWarn, what, r, err)
}

func (q *quietLog) log(level slog.Level, what string, r crdt.ReplicaID, err error) {
	if n, show := q.counts.Add(trouble{r, what}); show {
		q.to.Log(context.Background(), level, what, "peer", r, "err", err, "times", n)
	}
}
