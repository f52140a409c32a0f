package host

import (
	"context"
	"net/http"
	"time"

	"crdb/control/api"
	"crdb/crdt"
	"crdb/engine"
)

// How a query for digests is bounded.
const (
	maxListedKeys  = 4096
	maxListedBytes = 256 << 10 // of the names of listed keys
	digestPatience = 10 * time.Second
	digestPoll     = 5 * time.Millisecond
)

// Digests is part of control.Instance.
func (i *instance) Digests(ctx context.Context, q *api.DigestQuery) (*api.DigestAnswer, error) {
	if len(q.Slices) > api.MaxDigestSlices || len(q.Keys) > api.MaxDigestKeys || q.List && len(q.Slices) != 1 {
		return nil, api.Errorf(http.StatusBadRequest, api.CodeBadRequest, "too many slices or keys in one query")
	}
	if err := i.awaitVectors(ctx, q.After); err != nil {
		return nil, err
	}
	a := &api.DigestAnswer{}
	var seen crdt.VersionVector
	for _, s := range q.Slices {
		slice := engine.Slice{Bits: s.Bits, Prefix: s.Prefix}
		if !slice.Valid() {
			return nil, api.Errorf(http.StatusBadRequest, api.CodeBadRequest, "there is no slice of %d bits and prefix %d", s.Bits, s.Prefix)
		}
		if q.List {
			seen.Merge(i.listKeys(slice, a))
			continue
		}
		keys, sum := i.engine.SliceDigest(slice)
		a.Slices = append(a.Slices, api.SliceDigest{Keys: keys, Sum: sum})
	}
	for _, k := range q.Keys {
		if k.DB < 0 || k.DB >= engine.Databases {
			return nil, api.Errorf(http.StatusBadRequest, api.CodeBadRequest, "there is no database %d", k.DB)
		}
		d, vv := i.engine.KeyDigest(k.DB, k.Key)
		a.Keys = append(a.Keys, api.KeyDigest{KeyRef: k, Digest: d})
		seen.Merge(vv)
	}
	a.Vector = crdt.AppendVector(nil, seen)
	return a, nil
}

func (i *instance) listKeys(s engine.Slice, a *api.DigestAnswer) crdt.VersionVector {
	keys, vv, more := i.engine.SliceKeys(s, maxListedKeys)
	a.More = more
	size := 0
	for _, k := range keys {
		if size += len(k.Key); size > maxListedBytes {
			a.More = true
			break
		}
		a.Keys = append(a.Keys, api.KeyDigest{KeyRef: api.KeyRef{DB: k.DB, Key: k.Key}, Digest: k.Digest})
	}
	return vv
}

// awaitVectors waits until everything that the vectors cover is applied here.
func (i *instance) awaitVectors(ctx context.Context, vectors [][]byte) error {
	var want crdt.VersionVector
	for _, b := range vectors {
		v, rest, err := crdt.DecodeVector(nil, b)
		if err != nil || len(rest) > 0 {
			return api.Errorf(http.StatusBadRequest, api.CodeBadRequest, "a vector of the query is malformed")
		}
		want.Merge(v)
	}
	ctx, cancel := context.WithTimeout(ctx, digestPatience)
	defer cancel()
	poll := time.NewTicker(digestPoll)
	defer poll.Stop()
	for !i.engine.Vector().Descends(want) {
		select {
		case <-poll.C:
		case <-ctx.Done():
			return api.Errorf(http.StatusServiceUnavailable, api.CodeNotReady, "what other regions have applied has not come within %v", digestPatience)
		}
	}
	return nil
}
