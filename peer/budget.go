package peer

import (
	"context"
	"sync"
)

// budget bounds what has come from one replica and is not yet applied (B1). Its
// stream takes room for every block before it hands it on. While there is none
// the sender's window fills up (intake), and the rest stays in the sender's log
// on disk.
type budget struct {
	maxBlocks, maxBytes int

	mu struct {
		sync.Mutex
		blocks, bytes int
		changed       chan struct{} // closed when room is given back; nil if nobody waits
	}
}

// take waits until there is room for a block of n bytes. A block larger than
// the whole budget is let in when nothing else is held.
func (b *budget) take(ctx context.Context, n int) error {
	for {
		changed := b.tryTake(n)
		if changed == nil {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// tryTake returns nil if it took the room, or else what to wait for.
func (b *budget) tryTake(n int) <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.mu.blocks == 0 || b.mu.blocks < b.maxBlocks && b.mu.bytes+n <= b.maxBytes {
		b.mu.blocks++
		b.mu.bytes += n
		return nil
	}
	if b.mu.changed == nil {
		b.mu.changed = make(chan struct{})
	}
	return b.mu.changed
}

// give returns the room of a block of n bytes.
func (b *budget) give(n int) {
	b.mu.Lock()
	b.mu.blocks--
	b.mu.bytes -= n
	if b.mu.changed != nil {
		close(b.mu.changed)
		b.mu.changed = nil
	}
	b.mu.Unlock()
}

// used returns the blocks and bytes now held.
func (b *budget) used() (blocks, bytes int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.mu.blocks, b.mu.bytes
}
