package command

// Flag is a set of facts about how a command may be run. The order is the one
// in which COMMAND INFO names them.
type Flag uint32

// Flags that COMMAND INFO shows.
const (
	Write Flag = 1 << iota
	ReadOnly
	DenyOOM
	Admin
	PubSub
	NoScript
	Blocking
	Loading
	Stale
	SkipMonitor
	SkipSlowlog
	Asking
	Fast
	NoAuth
	NoMandatoryKeys
	NoAsyncLoading
	NoMulti
	MovableKeys
	AllowBusy

	// Flags of our own, never shown.

	// MayReplicate marks a command that other regions notice though it writes
	// nothing (PUBLISH): CLIENT PAUSE WRITE puts it off, too.
	MayReplicate
	// WholeKeyspace marks a command that walks the keyspace and takes its
	// locks itself, partition by partition (KEYS, SCAN, DBSIZE, FLUSHALL).
	// EXEC locks everything when one is queued.
	WholeKeyspace
	// AnyKeys marks a command that uses keys which are not among its arguments
	// (SORT BY): everything is locked for it.
	AnyKeys
	// OtherDB marks a command that may touch keys of another logical database:
	// the rules about keys are not enough to judge it.
	OtherDB
	// RunsInMulti marks a command that MULTI does not queue.
	RunsInMulti
	// RunsSubscribed marks a command that a RESP2 client may send while it is
	// subscribed.
	RunsSubscribed
	// Secret marks a command whose arguments must not be logged.
	Secret
	// RunsScript marks a command that runs a script.
	RunsScript
)

// ACLCategory is a set of ACL categories, in the order COMMAND INFO shows them.
type ACLCategory uint32

// ACL categories.
const (
	CatKeyspace ACLCategory = 1 << iota
	CatRead
	CatWrite
	CatSet
	CatSortedSet
	CatList
	CatHash
	CatString
	CatBitmap
	CatHyperLogLog
	CatGeo
	CatStream
	CatPubSub
	CatAdmin
	CatFast
	CatSlow
	CatBlocking
	CatDangerous
	CatConnection
	CatTransaction
	CatScripting
)

// KeySpec says where keys stand among the arguments and what is done to them,
// in the words of COMMAND INFO.
type KeySpec struct {
	Notes string
	Flags []string // RO, RW, OW, RM, access, update, insert, delete, ...
	Begin KeyBegin
	Find  KeyFind

	notKey bool // what it finds is something else: the channels of SSUBSCRIBE
}

// KeyBegin says where a KeySpec's search starts: at an index, or behind a
// keyword. Neither (Keyword empty, Index 0) is "unknown".
type KeyBegin struct {
	Index     int
	Keyword   string
	StartFrom int
}

// KeyFind says which arguments from there on are keys: a range, or as many as
// a number among the arguments says. Type is "range", "keynum" or "unknown".
type KeyFind struct {
	Type     string
	LastKey  int // range: last key, relative to the first; negative from the end
	Limit    int // range: with LastKey -1, 1/Limit of the rest
	KeyStep  int
	NumIndex int // keynum: index of the number, relative to the beginning
	FirstKey int // keynum: index of the first key, relative to the beginning
}

// Command is one entry of the table. A family's file gives Name, Summary and
// Handler, and Keys and flags of our own where needed; newTable fills every
// field that is still zero from the facts of facts.txt.
type Command struct {
	Name       string // lower case; a subcommand is "client|id"
	Arity      int    // as Redis counts: with the name; negative is a minimum
	Flags      Flag
	Categories ACLCategory
	KeySpecs   []KeySpec
	FirstKey   int
	LastKey    int
	KeyStep    int
	Tips       []string

	Group      string
	Since      string
	Summary    string
	Complexity string

	// Keys returns the indexes of the keys among args where KeySpecs cannot
	// tell; an error is one of Redis's COMMAND GETKEYS texts.
	Keys        func(args [][]byte) ([]int, error)
	Subcommands []*Command
	Handler     Handler
	Ahead       Handler // without locks, before a Handler that was put off (Context.aside)

	docFlags   []string
	deprecated string // since
	replacedBy string
	syntax     string

	index  int                 // position in a Server's counters
	locks  locking             // how dispatch locks, from the fields above
	looks  looks               // which lookups are hits and misses
	subs   map[string]*Command // by their second word
	parent *Command
}
