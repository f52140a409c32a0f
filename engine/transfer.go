package engine

import (
	"fmt"

	"crdb/crdt"
)

// This file is what package peer asks of the state for transfers, in plain
// types; with Jump, Vector, SaveTo and what is about forgetting it is peer's
// Images.

// CaptureAt captures the slice that begins at a position, as Capture does.
func (e *Engine) CaptureAt(at uint64, more crdt.VersionVector) (image []byte, vv crdt.VersionVector, next uint64, err error) {
	im, err := e.Capture(Position(at), more)
	if err != nil {
		return nil, nil, 0, err
	}
	return im.Bytes(), im.Vector, uint64(im.Next()), nil
}

// EndOfState is the position behind the last image.
func (e *Engine) EndOfState() uint64 { return uint64(EndPosition) }

// SizeOf returns how long the image is that begins with head, as it says itself.
func (e *Engine) SizeOf(head []byte) (int, error) { return sizeOfImage(head) }

// MergeAt merges an image as Merge does. It must begin at the given position
// and cover least; mark makes the metadata that goes with it, given where the
// next one begins. Malformed bytes are oplog.ErrCorrupt, and nothing of them is
// merged. between is that of Merge.
func (e *Engine) MergeAt(at uint64, image []byte, least crdt.VersionVector, mark func(next uint64) []byte, between func()) (next uint64, keys int, err error) {
	im, err := DecodeImage(image)
	if err != nil {
		return 0, 0, err
	}
	if im.Start() != Position(at) {
		return 0, 0, fmt.Errorf("%w: it begins at %#x, wanted was %#x", ErrImage, im.Start(), at)
	}
	if !im.Vector.Descends(least) {
		return 0, 0, fmt.Errorf("%w: it covers %v, the transfer began at %v", ErrImage, im.Vector, least)
	}
	next = uint64(im.Next())
	keys, err = e.Merge(im, mark(next), between)
	return next, keys, err
}
