package control

import (
	"context"
	"io"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"crdb/control/api"
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
	// SetMembers says who else holds the database, this instance included. No
	// member at all: the instance is none any more, and keeps what it has.
	SetMembers(version int, members []Member)
	// Forbid stops the writes of clients and tells them why; it does not wait for what
	// was let in before, such as a script, which may take any time (Quiet). nil lets them
	// write again. An instance takes no writes, of clients or its own, before the first
	// call.
	Forbid(why error)
	// Quiet reports whether writes are forbidden, and none is under way any more that
	// was let in before.
	Quiet() bool
	// CheckOwn compares the end of the own log as a peer holds it with the log.
	// An error says that log was lost.
	CheckOwn(peer int, end End) error
	// Configure sets redis.conf settings. An error leaves all as it was.
	Configure(settings map[string]string) error
	// Holdings says what is on disk here, and what others are known to hold.
	Holdings() Holdings
	// Tolerate accepts stamps up to one that is further ahead of the clock than
	// max-clock-drift allows, here and over restarts.
	Tolerate(stamp uint64) error
	// End returns the end of a replica's log as it is on disk here.
	End(replica int) (End, error)
	// OtherRun reports whether a process of another run than the given one is
	// alive as the replica, as far as is known here.
	OtherRun(replica int, run uint64) bool
	// Serve starts to serve clients on HOST:PORT. It is called once.
	Serve(addr string) error
	// Flush removes all keys this instance knows of, here and, with
	// replication, everywhere. It returns when the removal is on disk.
	Flush(ctx context.Context) error
	// Export writes a dump file of the keys as they are at one moment. Close
	// ends it.
	Export(ctx context.Context, dst io.Writer) (api.Moved, error)
	// Import writes the keys of a dump file into the database. The mode is one
	// of package api. progress hears how far it is. Close ends it.
	Import(ctx context.Context, src io.Reader, mode string, progress func(api.Moved)) (api.Moved, error)
	// Backup writes a backup into a new or empty directory of this machine;
	// config and the users are kept in it. A failure leaves nothing. Close ends
	// it.
	Backup(ctx context.Context, dir string, config *api.Database, progress func(done float64)) (*api.Moved, error)
	// SetUsers makes the users those of the lines of an ACL file; with add the
	// others stay. An error leaves all as they were. They are kept in Spec.Users,
	// unless there is nobody but a default user who needs no password.
	SetUsers(lines []string, add bool) error
	// Restore fills the database, which is empty, from a backup. Close ends it.
	Restore(ctx context.Context, dir string, progress func(m api.Moved, done float64)) (api.Moved, error)
	// Err says what keeps the instance from taking writes, nil if nothing does.
	Err() error
	// Links describes the replication from every other member.
	Links() []Link
	// Digests tells about the state of parts of the keyspace, once what
	// q.After covers is applied here.
	Digests(ctx context.Context, q *api.DigestQuery) (*api.DigestAnswer, error)
	// Cut drops the link to a region, or restores it: for demonstrations and
	// tests.
	Cut(region string, cut bool)
	// Isolate drops all links, and lets none come up until the instance is opened
	// anew, also with members it is told of later.
	Isolate()
	Collect(ch chan<- prometheus.Metric)
	// Stop is the orderly end of serving: no command begins any more, the replies
	// of those under way reach their clients, and Close will leave a checkpoint,
	// so that the next start has nothing to replay. It gives up waiting for
	// clients after a time of the instance's own.
	Stop()
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
	Run     uint64       // names this life of the instance
	Notice  func(Notice) // must not block; called by several goroutines
	// Join says that the database existed before the instance: it gets the
	// state of another one before anything else.
	Join bool
	// Users is the ACL file that SetUsers writes. Where it is there, it is the
	// instance's aclfile instead of the node's.
	Users string
	// Backup is a directory with a backup of the database, for an instance that
	// joins; empty: there is none. Without it the instance joins as well.
	Backup string
}

// CatchingUp is what an Instance may have besides: why it is not complete yet,
// "" if it is. Until then the node is not ready.
type CatchingUp interface {
	CatchingUp() string
}

// catchingUp says why an instance is not complete yet, "" if it is.
func catchingUp(inst Instance) string {
	if c, ok := inst.(CatchingUp); ok {
		return c.CatchingUp()
	}
	return ""
}

// Notice is what an instance found out about itself from its peers.
type Notice struct {
	Kind NoticeKind
	Text string
}

// NoticeKind says what was found out.
type NoticeKind int

const (
	NoticeNewer    NoticeKind = iota // a peer has another configuration in force
	NoticeStranger                   // a peer says that this instance is no member, or has no such database
	NoticeLostLog                    // the own log was set back (D2); writes are stopped
	NoticeCloned                     // another process runs as this replica (D2); writes are stopped
	noticeKinds
)

// Member is one instance of a database.
type Member struct {
	Replica int
	Region  string
	Addr    string // HOST:PEERPORT to dial
}

// Holdings is what an instance and the others hold of all replicas' logs.
type Holdings struct {
	Durable []api.Position // on disk here
	Issued  uint64         // the last own op given out
	Clock   uint64         // the newest stamp given out or seen
	Held    []api.Position // ends of logs of which something waits for the clock
	Others  []api.Holding  // what the others have acknowledged
}

// End is the end of a replica's log.
type End struct {
	Time uint64
	Hash uint64 // of the block there
	Seen uint64 // slices that a state transfer has brought hold operations up to here, if that is more
}

// Link is the replication from one other member.
type Link struct {
	Replica   int
	Region    string
	Connected bool
	Lag       time.Duration
	LastError string
	Held      *api.HeldHealth     // what waits for the clock
	Stuck     *api.StuckHealth    // what waits for operations that nobody sends
	Transfer  *api.TransferHealth // of the state from there, while it is under way
}
