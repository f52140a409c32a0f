package oplog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// This file looks at the newest write-ahead log before Pebble replays it.
//
// Pebble takes what it cannot read there for the torn end that a crash leaves, drops it
// with all that follows, and says nothing. Every chunk says how much of the file was synced
// before it, but Pebble asks only the chunks of later blocks of 32 KiB. So a flipped bit
// would cost up to a block of commits that were synced and acknowledged. Here the rest of
// the block is asked, too. What remains is damage in the last commit, which nothing tells
// from a torn one, and in the first log of a new store, whose chunks do not say it yet. Dots
// of what is lost are not given out again where the clock bound is older (H1), and peers that
// have it notice (D2).
//
//	offset  size  of a chunk
//	     0     4  checksum of what follows the length
//	     4     2  length of the payload
//	     6     1  encoding: 5 to 8, or, with the synced offset, 9 to 12
//	     7     4  number of the log, from the file's name
//	    11     8  bytes of the file that were synced before (encodings from 9 on)

const (
	walBlock     = 32 << 10
	walHeader    = 11
	walSyncedEnd = 19 // of the header with the synced offset
)

var walTable = crc32.MakeTable(crc32.Castagnoli)

// checkWAL returns an error if the newest of the write-ahead logs among names is damaged
// before something that was synced.
func checkWAL(fs vfs.FS, dir string, names []string) error {
	newest, name := uint64(0), ""
	for _, n := range names {
		base, ok := strings.CutSuffix(n, ".log")
		if x, err := strconv.ParseUint(base, 10, 64); ok && err == nil && x >= newest {
			newest, name = x, n
		}
	}
	if name == "" {
		return nil
	}
	path := fs.PathJoin(dir, name)
	f, err := fs.Open(path)
	if err != nil {
		return fmt.Errorf("oplog: read %s: %w", path, err)
	}
	defer f.Close()
	at, err := damagedAt(f, uint32(newest))
	switch {
	case err != nil:
		return fmt.Errorf("oplog: read %s: %w", path, err)
	case at >= 0:
		return fmt.Errorf("%w: %s is damaged at byte %d, and commits that were synced follow", ErrCorrupt, path, at)
	}
	return nil
}

// damagedAt returns where a log is damaged, -1 if it is not, or Pebble finds it.
func damagedAt(r io.Reader, number uint32) (int64, error) {
	buf := make([]byte, walBlock)
	for start := int64(0); ; start += walBlock {
		n, err := io.ReadFull(r, buf)
		if errors.Is(err, io.EOF) {
			return -1, nil
		}
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			return -1, err
		}
		block := buf[:n]
		i := 0
		for size := 1; size > 0; i += size {
			size, _ = walChunk(block[i:], number)
		}
		if len(block)-i < walSyncedEnd { // padding
			continue
		}
		for bad := i; i < len(block); i++ {
			if size, synced := walChunk(block[i:], number); size > 0 && synced > uint64(start)+uint64(bad) {
				return start + int64(bad), nil
			}
		}
		return -1, nil
	}
}

// walChunk returns the size of the chunk that p begins with, 0 if there is none, and how much
// it says was synced before it.
func walChunk(p []byte, number uint32) (size int, synced uint64) {
	if len(p) < walHeader || p[6] < 5 || p[6] > 12 || binary.LittleEndian.Uint32(p[7:]) != number {
		return 0, 0
	}
	size = walHeader
	if p[6] >= 9 {
		size = walSyncedEnd
	}
	size += int(binary.LittleEndian.Uint16(p[4:]))
	if size > len(p) {
		return 0, 0
	}
	sum := crc32.Checksum(p[6:size], walTable)
	if binary.LittleEndian.Uint32(p) != (sum>>15|sum<<17)+0xa282ead8 {
		return 0, 0
	}
	if p[6] >= 9 {
		synced = binary.LittleEndian.Uint64(p[walHeader:])
	}
	return size, synced
}
