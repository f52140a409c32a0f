package api

import (
	"context"
	"net/http"
	"net/url"
)

// Bounds of a DigestQuery.
const (
	MaxDigestSlices = 1024 // with List: 1
	MaxDigestKeys   = 1024
)

// DigestQuery asks one instance for digests of its state: of slices, of the
// keys of a slice, or of single keys.
type DigestQuery struct {
	After  [][]byte `json:"after,omitempty"` // vectors that the instance must have applied first
	Slices []Slice  `json:"slices,omitempty"`
	List   bool     `json:"list,omitempty"` // the keys of the one slice
	Keys   []KeyRef `json:"keys,omitempty"`
}

// Slice is a part of the keyspace by hash; see engine.Slice.
type Slice struct {
	Bits   int    `json:"bits"`
	Prefix uint64 `json:"prefix"`
}

// KeyRef names a key.
type KeyRef struct {
	DB  int    `json:"db"`
	Key []byte `json:"key"` // base64 in JSON
}

// DigestAnswer answers a DigestQuery, in its order.
type DigestAnswer struct {
	Vector []byte        `json:"vector"` // covers everything that is in the digests
	Slices []SliceDigest `json:"slices,omitempty"`
	Keys   []KeyDigest   `json:"keys,omitempty"`
	More   bool          `json:"more,omitempty"` // the slice has other keys, too
}

// SliceDigest is how many keys a slice has and the sum of their digests.
type SliceDigest struct {
	Keys int    `json:"keys"`
	Sum  uint64 `json:"sum,string"`
}

// KeyDigest is the digest of a key's state, 0 if there is none.
type KeyDigest struct {
	KeyRef
	Digest uint64 `json:"digest,string"`
}

// VerifyReport is the outcome of comparing a database's instances.
type VerifyReport struct {
	GUID        string         `json:"guid"`
	Name        string         `json:"name"`
	Regions     []string       `json:"regions"`               // that were compared
	Unreachable []RegionError  `json:"unreachable,omitempty"` // that were not, and why
	Keys        int            `json:"keys"`                  // compared
	Differing   []KeyDifferent `json:"differing,omitempty"`   // at most MaxDiffering
	More        bool           `json:"more,omitempty"`        // there are other differing keys
	Changing    int            `json:"changing"`              // keys that never stood still long enough
	Seconds     float64        `json:"seconds"`
}

// MaxDiffering bounds the keys that a VerifyReport names.
const MaxDiffering = 1000

// RegionError says why a region could not be compared.
type RegionError struct {
	Region string `json:"region"`
	Error  string `json:"error"`
}

// KeyDifferent is a key whose state differs though the instances have applied
// the same operations to it.
type KeyDifferent struct {
	KeyRef
	Digests map[string]string `json:"digests"` // by region, hexadecimal; zeros: no such key
}

// Same reports whether all regions were compared and no difference was found.
func (r *VerifyReport) Same() bool { return len(r.Differing) == 0 && len(r.Unreachable) == 0 }

// Verify compares all instances of a database.
func (c *Client) Verify(ctx context.Context, guid string) (*VerifyReport, error) {
	r := &VerifyReport{}
	return r, c.do(ctx, http.MethodGet, "/v1/crdbs/"+url.PathEscape(guid)+"/verify", nil, r)
}

// Digests asks the node's own instance for digests.
func (c *Client) Digests(ctx context.Context, guid string, q *DigestQuery) (*DigestAnswer, error) {
	a := &DigestAnswer{}
	return a, c.do(ctx, http.MethodPost, "/v1/node/databases/"+url.PathEscape(guid)+"/digests", q, a)
}
