package command

import "crdb/crdt"

// Replication is what commands need of the other regions.
type Replication interface {
	// Publish sends a message to the subscribers in all other regions: best
	// effort, never blocks. It copies what it keeps.
	Publish(channel, payload []byte)
	// Acked returns how many other members hold this replica's ops up to own
	// on disk.
	Acked(own crdt.Timestamp) int
	// OnAck registers f to be called when an acknowledgement has come. f does
	// not block.
	OnAck(f func())
	// Members returns how many members the database has, this one included.
	Members() int
	// Links describes the link to every other member.
	Links() []Link
}

// Link is the state of replication from one other member, for INFO.
type Link struct {
	Replica    crdt.ReplicaID
	Region     string
	Addr       string
	Connected  bool
	LagSeconds float64
	LagOps     int64 // their ops not yet applied here
	LagBytes   int64
	UnackedOps int64 // our ops they have not acknowledged
	Held       int   // blocks waiting for their dependencies or for the clock
	BytesIn    int64
	BytesOut   int64
	Acked      crdt.Timestamp // our ops they hold on disk
}

// alone is the Replication of a database with one member.
type alone struct{}

func (alone) Publish(_, _ []byte)      {}
func (alone) Acked(crdt.Timestamp) int { return 0 }
func (alone) OnAck(func())             {}
func (alone) Members() int             { return 1 }
func (alone) Links() []Link            { return nil }
