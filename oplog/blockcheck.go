package oplog

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strings"

	"github.com/cockroachdb/pebble/v2"
)

// This file checks the large blocks of Pebble's tables and blob files before Pebble does.
//
// Where a checksum does not fit, Pebble looks for one flipped bit: it flips each of the first
// 40 KiB and sums the whole block anew. In a block of 64 KiB that takes seconds, in one of a
// megabyte a minute, in what a large value fills hours; nothing can interrupt it, and it
// says nothing meanwhile. A block is read by one ReadAt, with what follows it: a byte for
// its compression, and the checksum of both.

const (
	blockTrailer = 5
	checkedBlock = 16 << 10 // in smaller ones it takes some tenths of a second
)

var pebbleTable = crc32.MakeTable(crc32.Castagnoli)

// pebbleSum is the checksum that Pebble stores of p.
func pebbleSum(p []byte) uint32 {
	sum := crc32.Checksum(p, pebbleTable)
	return (sum>>15 | sum<<17) + 0xa282ead8
}

// checkBlock returns an error that names the place if p, read at off, is a large block and
// damaged.
func checkBlock(name string, p []byte, off int64) error {
	if len(p) < checkedBlock || !strings.HasSuffix(name, ".blob") && !strings.HasSuffix(name, ".sst") {
		return nil
	}
	end := len(p) - blockTrailer + 1
	if pebbleSum(p[:end]) == binary.LittleEndian.Uint32(p[end:]) {
		return nil
	}
	return fmt.Errorf("%w: %w: %s is damaged between bytes %d and %d", ErrCorrupt, pebble.ErrCorruption, name, off, off+int64(len(p)))
}
