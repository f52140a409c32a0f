package engine

import (
	"cmp"

	"crdb/oplog"
)

// Sizes say from which size on something is done in another way, mostly in pieces, so
// that it holds nobody up, and how large a piece is. No result depends on them but
// what OpBytes refuses. What
// is zero is that of DefaultSizes; tests make them so small that few keys are enough
// to get there.
type Sizes struct {
	// MergeKeys is how many keys of an image are merged at a time.
	MergeKeys int
	// SliceBytes is the size at which an image is cut between two keys, and so what
	// bounds the time for which its partition is locked. Only one larger key makes a
	// larger image.
	SliceBytes int
	// ImageBytes bounds the images that are captured.
	ImageBytes int

	// DraftFrom and DraftBytes are the elements and the bytes from which on a key is
	// copied by a draft, DraftStep is how many elements are taken at a time.
	DraftFrom, DraftBytes, DraftStep int
	// BuildFrom is the bytes of an op of another region from which on it is built
	// before the locks.
	BuildFrom int

	// AheadElems is how many elements a checkpoint copies at a time, and from how many
	// on it copies a new key ahead; AheadBytes is the length of the list of changed
	// elements from which on it copies those ahead. AheadCopy is for elements what
	// AheadElems is, in bytes.
	AheadElems, AheadBytes, AheadCopy int
	// ApartBytes is the length of a string from which on a checkpoint saves it in
	// pieces of PieceBytes.
	ApartBytes, PieceBytes int

	// FewBytes is up to how many bytes of record a collection lies in the table, as a
	// string does.
	FewBytes int

	// FlushFrom is how many counters there are from which on they are deleted ahead of
	// a flush, FlushStep of them at a time.
	FlushFrom, FlushStep int

	// OpBytes bounds an op. What is larger is ErrOpTooLarge.
	OpBytes int
}

// DefaultSizes are those of a server: a piece takes some tenths of a millisecond.
var DefaultSizes = Sizes{
	MergeKeys: 64, SliceBytes: 256 << 10, ImageBytes: MaxImageBytes,
	DraftFrom: 1024, DraftBytes: 256 << 10, DraftStep: 1000,
	BuildFrom:  32 << 10,
	AheadElems: 2000, AheadBytes: 64 << 10, AheadCopy: 1 << 20,
	ApartBytes: 64 << 10, PieceBytes: 1 << 20,
	FewBytes:  1024,
	FlushFrom: 10_000, FlushStep: 200,
	OpBytes: oplog.MaxOpBytes,
}

// orDefault fills in what is zero.
func (s Sizes) orDefault() Sizes {
	d := DefaultSizes
	return Sizes{
		MergeKeys:  cmp.Or(s.MergeKeys, d.MergeKeys),
		SliceBytes: cmp.Or(s.SliceBytes, d.SliceBytes),
		ImageBytes: cmp.Or(s.ImageBytes, d.ImageBytes),
		DraftFrom:  cmp.Or(s.DraftFrom, d.DraftFrom),
		DraftBytes: cmp.Or(s.DraftBytes, d.DraftBytes),
		DraftStep:  cmp.Or(s.DraftStep, d.DraftStep),
		BuildFrom:  cmp.Or(s.BuildFrom, d.BuildFrom),
		AheadElems: cmp.Or(s.AheadElems, d.AheadElems),
		AheadBytes: cmp.Or(s.AheadBytes, d.AheadBytes),
		AheadCopy:  cmp.Or(s.AheadCopy, d.AheadCopy),
		ApartBytes: cmp.Or(s.ApartBytes, d.ApartBytes),
		PieceBytes: cmp.Or(s.PieceBytes, d.PieceBytes),
		FewBytes:   cmp.Or(s.FewBytes, d.FewBytes),
		FlushFrom:  cmp.Or(s.FlushFrom, d.FlushFrom),
		FlushStep:  cmp.Or(s.FlushStep, d.FlushStep),
		OpBytes:    cmp.Or(s.OpBytes, d.OpBytes),
	}
}
