package oplog

import (
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// Blocks are written once, read rarely and deleted in ranges, so there is no
// use in copying them from level to level. Pebble puts values of this size and
// above, all but those of state records, into files of their own when it
// flushes, and moves only references afterwards: a block reaches the disk
// twice, in the write-ahead log and in such a file, and not five times.
//
// State records stay in the tables: they are small, and overwritten in any
// order, which would leave such files full of holes.
const separateBytes = 1 << 10

// separateLog sets the options for that.
func separateLog(p *pebble.Options) {
	policy := pebble.ValueSeparationPolicy{
		Enabled:     true,
		MinimumSize: separateBytes,
		// How many files the blocks of one table may be in. Nobody reads them at
		// random, so many are no harm, and few would mean copying again.
		MaxBlobReferenceDepth: 64,
		// A file goes when the last block in it is truncated. One that keeps few,
		// of a replica that some member has not acknowledged for long, is rewritten.
		RewriteMinimumAge:  10 * time.Minute,
		TargetGarbageRatio: 0.5,
	}
	p.Experimental.ValueSeparationPolicy = func() pebble.ValueSeparationPolicy { return policy }
	p.Experimental.SpanPolicyFunc = spanPolicy
}

// spanPolicy says how a kind of keys is kept, and that it ends where the next
// one begins: so that no table holds keys of two kinds.
//
// A checkpoint is flushed piece by piece, each with the records of some ranges
// and their vectors, beside blocks and the clock bound. In one table these would
// span everything between them, and the tables of one checkpoint would all
// overlap: as deep a pile as there are pieces, which Pebble then compacts with
// the whole state, several times in a checkpoint. Kind by kind they lie side by
// side.
func spanPolicy(start []byte) (policy pebble.SpanPolicy, end []byte, err error) {
	if len(start) == 0 {
		return policy, []byte{kindInternal}, nil
	}
	if start[0] == kindState || start[0] == kindVector {
		policy.ValueStoragePolicy = pebble.ValueStorageLowReadLatency
	}
	return policy, []byte{start[0] + 1}, nil
}
