package oplog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/wal"
)

// This file looks at the newest write-ahead log before Pebble replays it.
//
// Pebble takes what it cannot read there for the torn end that a crash leaves, and drops it
// with all that follows, unless a later block of 32 KiB says how much was synced: and that is
// often less than what was. So a flipped bit would cost commits that were acknowledged, in
// silence. Therefore the writer numbers its commits. Each begins when the one before is on
// disk (D1): where one is found behind what cannot be read, with another missing between, the
// missing one was synced. What remains is damage in the last commit, which nothing tells from
// a torn one. Its dots are not given out again if the clock bound is older (H1), and peers
// that have it notice (D2).
//
// The number is the data of the batch's first record, which Pebble keeps in the write-ahead
// log only. Numbers begin at a random one: what a client stores could else be taken for a commit.
// (It still could if the first commit of a log is the unreadable one and holds such a thing.)
//
//	offset  size  of a commit of the writer
//	     0    12  head of the batch
//	    12     1  kind of the record: 3, log data
//	    13     1  length: 8
//	    14     8  number of the commit
//
// A batch is in one or more chunks, none of which crosses a block:
//
//	offset  size  of a batch's first chunk
//	     0     4  checksum of what follows the length
//	     4     2  length of the payload
//	     6     1  encoding: 5 or 6, or, with the synced offset, 9 or 10
//	     7     4  number of the log, from the file's name
//	    11     8  bytes of the file that were synced before (encodings 9 and 10)

const (
	walBlock       = 32 << 10
	walHeader      = 11
	walSyncHeader  = 19 // with the synced offset
	commitHead     = 22
	commitsMissing = 1 << 20 // more than a log can hold; what says more is no commit
)

// firstCommitNumber returns where the numbers of commits begin after a start.
func firstCommitNumber(random func() uint64) uint64 {
	if random == nil {
		return 1
	}
	return random()>>1 + 1 // not 0, and far from the end
}

// commitNumber returns the number of the commit whose batch begins with p, 0 if it is not one
// of the writer.
func commitNumber(p []byte) uint64 {
	if len(p) < commitHead || p[12] != 3 || p[13] != 8 {
		return 0
	}
	return binary.LittleEndian.Uint64(p[14:])
}

// checkWAL returns an error if the newest write-ahead log in a directory is damaged before
// something that was synced.
func checkWAL(fs vfs.FS, dir string) error {
	logs, err := wal.Scan(wal.Dir{FS: fs, Dirname: dir})
	if err != nil {
		return fmt.Errorf("oplog: %w", err)
	}
	if len(logs) == 0 {
		return nil
	}
	newest := logs[len(logs)-1]
	_, path := newest.SegmentLocation(0)
	at, done, err := readWAL(newest)
	if err != nil {
		return fmt.Errorf("oplog: read %s: %w", path, err)
	}
	missing, err := missesCommit(fs, path, at, uint32(newest.Num), done)
	switch {
	case err != nil:
		return fmt.Errorf("oplog: read %s: %w", path, err)
	case missing:
		return fmt.Errorf("%w: %s is damaged at or behind byte %d, and commits that were synced follow", ErrCorrupt, path, at)
	}
	return nil
}

// readWAL returns where the part of a log ends that Pebble reads, and the number of the last
// commit in it, 0 if there is none.
func readWAL(log wal.LogicalLog) (end int64, done uint64, err error) {
	r := log.OpenForRead()
	defer func() { err = errors.Join(err, r.Close()) }()
	var head [commitHead]byte
	for {
		rec, at, err := r.NextRecord()
		if err != nil { // the end, or what is unreadable
			return at.Physical, done, nil
		}
		n, err := io.ReadFull(rec, head[:])
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			return 0, 0, err
		}
		if x := commitNumber(head[:n]); x != 0 {
			done = x
		}
	}
}

// missesCommit reports whether a log holds, from byte at on, a commit that began after one
// that it does not hold. done is the number of the last that it does.
func missesCommit(fs vfs.FS, path string, at int64, number uint32, done uint64) (bool, error) {
	f, err := fs.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	block := make([]byte, walBlock)
	for start := at - at%walBlock; ; start += walBlock {
		n, err := f.ReadAt(block, start)
		if err != nil && !errors.Is(err, io.EOF) {
			return false, err
		}
		for i := int(max(at-start, 0)); i < n; i++ {
			x := commitIn(block[i:n], number, done)
			if done == 0 && x > 0 {
				done = x - 1
			}
			if x > done+1 {
				return true, nil
			}
		}
		if n < len(block) {
			return false, nil
		}
	}
}

// commitIn returns the number of the commit whose first chunk p begins with, 0 if there is
// none that may come after done.
func commitIn(p []byte, number uint32, done uint64) uint64 {
	header := walHeader
	switch {
	case len(p) < walHeader || binary.LittleEndian.Uint32(p[7:]) != number:
		return 0
	case p[6] == 9 || p[6] == 10:
		header = walSyncHeader
	case p[6] != 5 && p[6] != 6:
		return 0
	}
	end := header + int(binary.LittleEndian.Uint16(p[4:]))
	if end > len(p) {
		return 0
	}
	x := commitNumber(p[header:end])
	if x <= done || done > 0 && x-done > commitsMissing {
		return 0
	}
	if binary.LittleEndian.Uint32(p) != pebbleSum(p[6:end]) {
		return 0
	}
	return x
}
