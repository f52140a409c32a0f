package api

// Node is what a node tells others about itself.
type Node struct {
	ID              string `json:"node_id"`
	Region          string `json:"region"`
	Run             uint64 `json:"run"` // random, new with every start
	Version         string `json:"version"`
	ProtocolVersion int    `json:"protocol_version"`
	FormatVersion   int    `json:"format_version"`
	Ready           bool   `json:"ready"`
	PeerPort        int    `json:"peer_port"` // at the host at which this node is reached
	TimeMillis      int64  `json:"time_ms"`
	Databases       int    `json:"databases"`
}

// Prepare asks a node to get ready for an instance of a database: first phase
// of a create.
type Prepare struct {
	Database    *Database `json:"crdb"`
	Coordinator string    `json:"coordinator"` // base URL to ask for the outcome
	TimeoutMS   int64     `json:"timeout_ms"`
	Backup      string    `json:"backup_dir,omitempty"` // see Modify
}

// Prepared is a node's promise that a commit will succeed.
type Prepared struct {
	Port  int `json:"port"` // RESP port it holds for the instance
	DBUID int `json:"db_uid"`
}

// The outcomes of a create or a change, as its coordinator answers them.
const (
	OutcomePreparing  = "preparing"
	OutcomeCommitting = "committing"
	OutcomeAborted    = "aborted" // builds before OutcomeUnknown say so of what they do not know, too
	OutcomeUnknown    = "unknown" // never heard of: the disk is another, or an old one
)

// Outcome is what became of a create or a change.
type Outcome struct {
	State string `json:"state"`
	// InForce is the version of the configuration that the coordinator has in
	// force, 0: none. A change up to that version may be decided although nobody
	// has a note of it any more.
	InForce int `json:"in_force,omitempty"`
	// Deleted says that an instance was there and went with its database.
	Deleted bool `json:"deleted,omitempty"`
}
