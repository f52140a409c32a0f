package engine

import (
	"encoding/binary"
	"fmt"

	"crdb/crdt"
	"crdb/crdt/dict"
)

// An instance that joins may have an older state of its database, such as a
// backup. Most keys may not have changed since. It offers the sums of its keys,
// and images come to it without those whose sum is the same. What it makes of
// them is the image that the other instance captured: it is merged like any
// other, and that the offered state is older, or of a time that somebody has
// forgotten, means nothing. Keys that are gone since are not in the image.

// sumBytes is the size of one sum of an offer.
const sumBytes = 8

// offerSum is what an offer says of a key: which one it is, and all that is kept
// of it. Sums of different states are equal once in 2^64.
func offerSum(k *ImageKey) uint64 {
	h := dict.Hash(digestSeed+uint64(k.DB), k.Key)
	return dict.Hash(h, binary.BigEndian.AppendUint64(nil, k.Object.Sum()))
}

// Shorten returns a function that leaves out of an image the keys whose sums are
// in an offer, as Seed.OfferAt made it. It returns the image itself if there are
// none. It is for one goroutine.
func (e *Engine) Shorten(offer []byte) func(image []byte) ([]byte, error) {
	index := make(map[uint64]int, len(offer)/sumBytes)
	for i := 0; i+sumBytes <= len(offer); i += sumBytes {
		index[binary.BigEndian.Uint64(offer[i:])] = i / sumBytes
	}
	return func(image []byte) ([]byte, error) {
		im, err := DecodeImage(image)
		if err != nil || len(index) == 0 {
			return image, err
		}
		head := len(image) - imageCRC - len(im.records)
		short := append(make([]byte, 0, len(image)), image[:head]...)
		short[3] |= flagShort
		left := 0
		err = im.Each(func(k *ImageKey) error {
			if i, ok := index[offerSum(k)]; ok {
				left++
				short = binary.AppendUvarint(append(short, kindShort), uint64(i))
				return nil
			}
			short = append(short, k.raw...)
			return nil
		})
		if err != nil || left == 0 {
			return image, err
		}
		return endImage(short, im.Last), nil
	}
}

// Seed is an older state of the database, for an instance that joins it. It
// holds a sixteenth of it in memory at a time. It is for one goroutine.
type Seed struct {
	src    Source
	vector crdt.VersionVector
	e      *Engine
	from   int      // the first partition that e holds
	raw    [][]byte // the keys of the last offer, as images have them
}

// NewSeed makes a seed of a source that covers a vector and whose keys are
// placed by a hash seed. Nothing is read yet.
func NewSeed(src Source, vector crdt.VersionVector, hashSeed uint64) *Seed {
	return &Seed{src: src, vector: vector, from: -1, e: newEngine(Options{Seed: hashSeed, Sizes: Sizes{ImageBytes: MaxImageBytes, FewBytes: DefaultSizes.FewBytes}})}
}

// Vector is what the seed covers.
func (s *Seed) Vector() crdt.VersionVector { return s.vector }

// Bounds of an offer.
const (
	maxOffer      = 16 << 10 // keys
	maxOfferBytes = 16 << 20 // of their state
)

// OfferAt returns the sums of the keys from a position on, and up to where it
// goes: the end of the state, or as far as an offer may.
func (s *Seed) OfferAt(at uint64) (to uint64, offer []byte, err error) {
	s.raw = nil
	pos, size := Position(at), 0
	for pos < EndPosition && len(s.raw) < maxOffer && size < maxOfferBytes {
		part := int(pos >> 32)
		if first := part / frozenParts * frozenParts; first != s.from {
			if size > 0 || len(s.raw) > 0 {
				break // what was offered would go
			}
			if err := s.load(first); err != nil {
				return 0, nil, err
			}
		}
		im, err := s.capture(pos)
		if err != nil {
			return 0, nil, fmt.Errorf("the older state: %w", err)
		}
		err = im.Each(func(k *ImageKey) error {
			if len(s.raw) < maxOffer {
				offer = binary.BigEndian.AppendUint64(offer, offerSum(k))
				s.raw = append(s.raw, k.raw)
			}
			return nil
		})
		if err != nil {
			return 0, nil, fmt.Errorf("the older state: %w", err)
		}
		size += len(im.records)
		pos = im.Next()
	}
	return uint64(pos), offer, nil
}

// load reads a sixteenth of the seed.
func (s *Seed) load(first int) error {
	s.from = -1
	e := newEngine(s.e.opts)
	e.opts.Logger = discard
	if err := e.recoverFrom(s.src, first, first+frozenParts); err != nil {
		return fmt.Errorf("the older state: %w", err)
	}
	s.e, s.from = e, first
	return nil
}

// capture is Engine.Capture of a seed.
func (s *Seed) capture(from Position) (*Image, error) {
	p, lo := &s.e.parts[int(from>>32)], uint64(uint32(from))
	c := capture{e: s.e, p: p, rng: p.index*rangesPerPart + subOf(uint32(lo)), lo: lo, hi: lo>>rangeShift<<rangeShift + 1<<rangeShift, vv: s.vector}
	c.copy()
	if err := c.tooLarge(); err != nil {
		return nil, err
	}
	return c.image(c.buf), nil
}

// Expand makes of a shortened image, which came for the last offer, the whole
// one: once, and after an error the offer has to be made again. Others it
// returns as they are. Damage is ErrImage.
func (s *Seed) Expand(image []byte) ([]byte, error) {
	if len(image) < imageHeader || image[3] == 0 {
		return image, nil
	}
	im, err := decodeImage(image)
	if err != nil {
		return nil, err
	}
	whole := append([]byte(nil), image[:len(image)-imageCRC-len(im.records)]...)
	whole[3] = 0
	r := imageReader{b: im.records}
	for len(r.b) > 0 {
		start := r.b
		switch r.byte() {
		case 0:
			r.byte()
			r.bytes()
			r.bytes()
		case kindShort:
			i := r.number()
			if r.bad || i >= uint64(len(s.raw)) || s.raw[i] == nil {
				return nil, fmt.Errorf("%w: a key that was not offered, or was left out already", ErrImage)
			}
			whole, s.raw[i] = append(whole, s.raw[i]...), nil // once: what is made of little has a bound
			continue
		default:
			r.bytes()
			r.bytes()
		}
		if r.bad {
			return nil, fmt.Errorf("%w: record", ErrImage)
		}
		whole = append(whole, start[:len(start)-len(r.b)]...)
	}
	if len(whole) > MaxImageBytes-imageCRC {
		return nil, fmt.Errorf("%w: it is too large", ErrImage)
	}
	return endImage(whole, im.Last), nil
}
