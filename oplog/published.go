package oplog

import (
	"slices"
	"sync"

	"crdb/crdt"
)

// published is what is durable and may be seen by others (D1). Its lock comes
// after Log.mu and never around it.
type published struct {
	sync.RWMutex
	durable crdt.VersionVector
	images  uint64 // the last durable one
	jumps   uint64
	tails   map[crdt.ReplicaID]*tail
	cache   cache
	changed chan struct{} // closed at the next commit; nil until somebody asks
	hooks   []func()
	counts  counts
}

// tail is what is known of one replica's durable log. Only the writer changes
// last and end, only Truncate the rest.
type tail struct {
	prev  crdt.Timestamp // before the first kept op
	first crdt.Timestamp
	last  crdt.Timestamp
	hash  uint64 // of the block that ended at prev, if the log was set ahead to there
	start totals // up to prev
	end   totals // up to last
}

// totals count a replica's log from its beginning here.
type totals struct{ ops, bytes uint64 }

func (t totals) plus(b *Block) totals {
	return totals{t.ops + uint64(b.Ops), t.bytes + uint64(len(b.data))}
}

func (t totals) minus(b *Block) totals {
	return totals{t.ops - uint64(b.Ops), t.bytes - uint64(len(b.data))}
}

// addLocked publishes a block; end are the totals of its replica with it.
func (p *published) addLocked(b *Block, end totals) {
	t := p.tails[b.Replica]
	if t == nil {
		t = &tail{prev: b.Prev, first: b.First, start: end.minus(b)}
		p.tails[b.Replica] = t
	}
	if t.bare() {
		t.first = b.First
	}
	t.last, t.end = b.Last, end
	p.durable.Set(b.Replica, b.Last)
	p.cache.add(b, end)
}

// cache keeps the newest blocks of all replicas, up to max bytes.
type cache struct {
	max, bytes int
	blocks     map[crdt.ReplicaID][]cached // oldest first, without gaps
	order      []crdt.ReplicaID            // in which they came
}

type cached struct {
	*Block
	end totals
}

func (c *cache) add(b *Block, end totals) {
	if c.blocks == nil {
		c.blocks = make(map[crdt.ReplicaID][]cached)
	}
	c.blocks[b.Replica] = append(c.blocks[b.Replica], cached{b, end})
	c.order = append(c.order, b.Replica)
	c.bytes += len(b.data)
	for c.bytes > c.max {
		r := c.order[0]
		c.order = c.order[1:]
		list := c.blocks[r]
		c.bytes -= len(list[0].data)
		list[0] = cached{}
		c.blocks[r] = list[1:]
	}
}

// drop forgets the blocks of a replica.
func (c *cache) drop(r crdt.ReplicaID) {
	for _, b := range c.blocks[r] {
		c.bytes -= len(b.data)
	}
	delete(c.blocks, r)
	c.order = slices.DeleteFunc(c.order, func(x crdt.ReplicaID) bool { return x == r })
}

// after returns the cached blocks of r from the one that holds or follows the
// op after t; false if older ones may be needed.
func (c *cache) after(r crdt.ReplicaID, t crdt.Timestamp) ([]cached, bool) {
	list := c.blocks[r]
	if len(list) == 0 || list[0].Prev > t {
		return nil, false
	}
	lo, hi := 0, len(list)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if list[mid].Last <= t {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return list[lo:], true
}
