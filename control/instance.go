package control

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Host opens instances on this node and owns what they share: the peer
// server and the gossip. It is closed after its instances.
type Host interface {
	Open(s Spec) (Instance, error)
	PeerPort() int
	Collect(ch chan<- prometheus.Metric)
	Close()
}

// Instance is one database on this node. Its methods may be called by several
// goroutines.
type Instance interface {
	// SetMembers says who else holds the database, this instance included.
	SetMembers(version int, members []Member)
	// Serve starts to serve clients on HOST:PORT. It is called once.
	Serve(addr string) error
	// Flush removes all keys this instance knows of, here and, with
	// replication, everywhere. It returns when the removal is on disk.
	Flush(ctx context.Context) error
	// Err says what keeps the instance from taking writes, nil if nothing does.
	Err() error
	// Links describes the replication from every other member.
	Links() []Link
	// Cut drops the link to a region, or restores it: for demonstrations and
	// tests.
	Cut(region string, cut bool)
	Collect(ch chan<- prometheus.Metric)
	// Close stops serving, writes everything to disk, and waits.
	Close() error
}

// Spec says which instance to open.
type Spec struct {
	Dir     string
	GUID    string
	Name    string
	Replica int
	Port    int
}

// Member is one instance of a database.
type Member struct {
	Replica int
	Region  string
	Addr    string // HOST:PEERPORT to dial
}

// Link is the replication from one other member.
type Link struct {
	Replica   int
	Region    string
	Connected bool
	Lag       time.Duration
	LastError string
}
