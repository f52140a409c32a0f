package crdt

// DefaultElementSeed is the seed where SetElementSeed is not called.
const DefaultElementSeed uint64 = 0x9e3779b97f4a7c15

// elemSeed keys the hash of members and fields inside collections. It orders
// iteration and SCAN only; nothing on disk or on the wire depends on it.
var elemSeed = DefaultElementSeed

// SetElementSeed chooses a secret seed for the hash of members and fields, so
// that clients cannot make them collide. A program calls it once, before the
// first value exists, or never: then iteration order is reproducible.
func SetElementSeed(seed uint64) { elemSeed = seed }

// digestSeed keys digests; it is the same everywhere.
const digestSeed = 0xc2b2ae3d27d4eb4f
