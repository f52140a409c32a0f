package dict

const (
	// expectMost is how many entries a segment is made for that entries are
	// expected in: some fewer than one about to split has.
	expectMost = maxCap * 3 / 4
	// expectLeast is the number of entries for which it is worth it.
	expectLeast = 16
)

// EntrySize is how many bytes of a segment an entry takes, given the lengths of its key
// and its value, for Expect. A large one lies elsewhere.
func EntrySize(key, val int) int {
	if key+val > bigRecord {
		return bigHeader
	}
	return minHeader + key + val
}

// Expect makes room for n entries of so many bytes, the sum of their EntrySize, that
// there will be with hashes in [lo, hi), evenly spread; those that are there already
// are among them. It saves a Dict that is filled in order of hash, as by a state
// transfer, to grow step by step. What does not come is room that is kept.
func (d *Dict) Expect(lo, hi uint64, n, bytes int) {
	hi = min(hi, 1<<32)
	if n < expectLeast || lo >= hi {
		return
	}
	size := bytes / n
	size += size / 16 // for segments that get more than others
	for at := lo; at < hi; {
		s := d.segment(uint32(at))
		span := uint64(1) << (32 - s.depth)
		first := at &^ (span - 1)
		part := float64(min(hi, first+span) - at) // of the segment
		more := int(part*float64(n)/float64(hi-lo) - part*float64(s.n)/float64(span))
		switch most := int(s.n) + more; {
		case more < max(expectLeast, int(s.n)/8):
		case most > expectMost && s.depth < maxDepth:
			d.split(s, uint32(at))
			continue
		default:
			d.replace(s, uint32(at), s.rebuilt(s.depth, capFor(int32(min(most, expectMost))), more*size, keepAll))
		}
		at = first + span
	}
}
