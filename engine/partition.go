package engine

import (
	"sync"

	"crdb/crdt"
	"crdb/crdt/dict"
)

// partition is a lock and the keys it guards, in all logical databases.
type partition struct {
	mu        sync.Mutex
	turn      chan struct{} // holds one: who merges an image here, or saves a range; taken before mu
	dbs       [spaces]*keyspace
	ranges    [rangesPerPart]rangeState
	expiry    expiryIndex
	watched   map[string]map[*Watcher]bool // by database and key; true: it was past its deadline then
	residue   residues                     // things to forget later
	waiting   map[string]*waitQueue        // by database and key: clients that block
	waitSeq   uint64                       // the last place given out in waiting
	index     int                          // of the partition
	eng       *Engine
	ready     *readyKeys // the engine's
	raised    raisedSlices
	hits      int64
	heapBytes int64 // of objects
	misses    int64
	issued    crdt.Timestamp // the last own op here, of this run
}

// keyspace is the part of one logical database in one partition. A value in
// keys is a record: 4 bytes of access time in seconds, a byte of recFlags, and
// the flat record of crdt or 4 bytes of index into objects.
type keyspace struct {
	keys    dict.Dict
	objects []*object
	free    []uint32
	hidden  int // keys that show nothing
	dated   int // visible keys with a deadline
	counted int // keys with counter shares
	spent   int // keys with recSpent
}

// object is a key that does not fit a flat record.
type object struct {
	crdt.Object
	due      int64    // when the expirer is to look at it, as its index has it
	bytes    int64    // as the partition's sum counts it
	revision uint32   // counts changes
	private  crdt.Dot // who put the string whose bytes nobody else has, if anybody; see inplace.go
	saved    bool     // a checkpoint has its elements
	all      bool     // all elements are to be saved
	large    bool     // its range lists it as large
	pieces   bool     // a checkpoint has strings of it in pieces
	changed  changes
}

const recHeader = 5

const (
	recHeap   = 1 << iota // an index into objects follows
	recDirty              // changed since the last checkpoint
	recHidden             // shows nothing
	recDated              // visible, with a deadline
	recCounts             // has counter shares
	recFades              // visible, a hash all of whose fields have deadlines
	recSpent              // hidden, no flush changes it: crdt.Object.Spent
)

func (p *partition) space(db int) *keyspace {
	if p.dbs[db] == nil {
		p.dbs[db] = &keyspace{}
	}
	return p.dbs[db]
}

// visible is the number of keys that show a value, past their deadline or not.
func (ks *keyspace) visible() int {
	if ks == nil {
		return 0
	}
	return ks.keys.Len() - ks.hidden
}

// records is the number of keys, whether they show or not.
func (ks *keyspace) records() uint64 {
	if ks == nil {
		return 0
	}
	return uint64(ks.keys.Len())
}

// tally adds (or with n -1 takes back) what a record counts for.
func (ks *keyspace) tally(flags byte, n int) {
	if flags&recHidden != 0 {
		ks.hidden += n
	}
	if flags&recDated != 0 {
		ks.dated += n
	}
	if flags&recCounts != 0 {
		ks.counted += n
	}
	if flags&recSpent != 0 {
		ks.spent += n
	}
}

// newObject stores an object and returns its index.
func (ks *keyspace) newObject(o *object) uint32 {
	if n := len(ks.free); n > 0 {
		i := ks.free[n-1]
		ks.free = ks.free[:n-1]
		ks.objects[i] = o
		return i
	}
	ks.objects = append(ks.objects, o)
	return uint32(len(ks.objects) - 1)
}

func (ks *keyspace) freeObject(i uint32) {
	ks.objects[i] = nil
	if int(i) == len(ks.objects)-1 {
		ks.objects = ks.objects[:i]
		return
	}
	ks.free = append(ks.free, i)
}

// dbKey names a key of a logical database in the maps of a partition.
func dbKey(db int, key []byte) string {
	b := make([]byte, 0, 1+len(key))
	b = append(b, byte(db))
	return string(append(b, key...))
}
