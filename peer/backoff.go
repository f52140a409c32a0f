package peer

import "time"

// backoff spaces the attempts of one link: twice as long after every failure,
// up to a ceiling, and never at the same moment as other links.
type backoff struct {
	min, max time.Duration
	seed     uint64 // differs from link to link
	attempt  uint
}

// next returns how long to wait now: between half and the whole of the
// period.
func (b *backoff) next() time.Duration {
	d := b.max
	if b.attempt < 30 && b.min<<b.attempt < b.max {
		d = b.min << b.attempt
	}
	b.attempt++
	return b.jitter(d)
}

// jitter shortens d by up to a half.
func (b *backoff) jitter(d time.Duration) time.Duration {
	b.seed = mix(b.seed + 0x9e3779b97f4a7c15)
	return d/2 + time.Duration(b.seed%uint64(d/2+1))
}

func (b *backoff) reset() { b.attempt = 0 }

// mix is the finalizer of SplitMix64.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// seedOf derives a link's seed from what names it.
func seedOf(database string, self, peer uint64) uint64 {
	h := self<<32 | peer
	for _, c := range []byte(database) {
		h = mix(h ^ uint64(c))
	}
	return h
}
