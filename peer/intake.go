package peer

import (
	"context"
	"slices"
	"sync"

	"crdb/oplog"
)

// intake holds what has come on a stream while there is no room for its blocks
// (B1): without it the reader would have to wait, and with it what the source
// says of itself. Blocks may wait for what those words lead to, so heartbeats
// overtake them. A source sends no more than its window ahead of what is taken,
// and that is what fits in.
//
// The reader puts in, another goroutine of the stream takes out, in order. While
// it is idle the reader takes pieces itself.
type intake struct {
	limit int
	wake  chan struct{} // there is something to take

	mu struct {
		sync.Mutex
		waiting []arrival
		bytes   int  // what is waiting, and being taken, costs
		taking  bool // one is being taken
		changed chan struct{}
	}
}

// arrival is a piece as it came, or the block that the pieces up to it make.
type arrival struct {
	piece piece
	block *oplog.Block // nil: the piece is not unpacked yet
	size  int          // of the piece, in block bytes
}

// cost is what counts against the limit: a piece may say that it is smaller than
// it is.
func (a *arrival) cost() int { return max(a.size, len(a.piece.data)) }

// maxWaiting bounds the arrivals in an intake, whose window may be full of tiny
// pieces.
const maxWaiting = 1 << 18

func newIntake(window int) intake {
	return intake{limit: window + maxPiece, wake: make(chan struct{}, 1)}
}

// idle reports whether nothing is waiting or being taken. What only the reader
// may do then stays allowed until it puts something in.
func (in *intake) idle() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return len(in.mu.waiting) == 0 && !in.mu.taking
}

// put adds what came. It waits only for a source that sends more than its window.
func (in *intake) put(ctx context.Context, a arrival) error {
	a.piece.data = slices.Clone(a.piece.data) // it is of the message
	for {
		changed := in.tryPut(a)
		if changed == nil {
			signal(in.wake)
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// tryPut returns nil if it added a, or else what to wait for.
func (in *intake) tryPut(a arrival) <-chan struct{} {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.mu.bytes == 0 || in.mu.bytes+a.cost() <= in.limit && len(in.mu.waiting) < maxWaiting {
		in.mu.waiting = append(in.mu.waiting, a)
		in.mu.bytes += a.cost()
		return nil
	}
	if in.mu.changed == nil {
		in.mu.changed = make(chan struct{})
	}
	return in.mu.changed
}

// next waits for what came first; it is being taken until the call of done.
func (in *intake) next(ctx context.Context) (arrival, error) {
	for {
		in.mu.Lock()
		if len(in.mu.waiting) > 0 {
			a := in.mu.waiting[0]
			in.mu.waiting[0] = arrival{}
			in.mu.waiting, in.mu.taking = in.mu.waiting[1:], true
			in.mu.Unlock()
			return a, nil
		}
		in.mu.Unlock()
		select {
		case <-in.wake:
		case <-ctx.Done():
			return arrival{}, context.Cause(ctx)
		}
	}
}

// done ends the taking of one arrival.
func (in *intake) done(a arrival) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.mu.bytes -= a.cost()
	in.mu.taking = false
	if in.mu.changed != nil {
		close(in.mu.changed)
		in.mu.changed = nil
	}
}

// piece takes the next piece of the stream, or leaves it to takeRest.
func (s *inStream) piece(p piece) error {
	if !s.intake.idle() {
		return s.intake.put(s.ctx, arrival{piece: p, size: p.size()})
	}
	b, err := s.unpacked(p)
	if err != nil {
		return err
	}
	if b != nil {
		if s.l.room.tryTake(len(b.Bytes())) != nil {
			return s.intake.put(s.ctx, arrival{block: b, size: p.size()})
		}
		if err := s.pass(b); err != nil {
			return err
		}
	}
	s.tookPiece(p.size())
	return nil
}

// takeRest takes what the reader has left, as room comes free. It ends with the
// stream.
func (s *inStream) takeRest() error {
	for {
		a, err := s.intake.next(s.ctx)
		if err != nil {
			return err
		}
		b := a.block
		if b == nil {
			if b, err = s.unpacked(a.piece); err != nil {
				return err
			}
		}
		if b != nil {
			if err := s.l.room.take(s.ctx, len(b.Bytes())); err != nil {
				return err
			}
			if err := s.pass(b); err != nil {
				return err
			}
		}
		s.tookPiece(a.size)
		s.intake.done(a)
	}
}

// unpacked returns the block that the piece completes, nil if more are to come.
func (s *inStream) unpacked(p piece) (*oplog.Block, error) {
	data, err := s.unpack.add(p)
	if err != nil || data == nil {
		return nil, err
	}
	return s.decode(data)
}
