package verify

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"sort"
	"testing"

	"crdb/control/api"
)

// op is a write of a key by a replica; its number is its time. A write of even
// number deletes, every now and then.
type op struct {
	replica int
	key     string
	deletes bool
}

// toy is a database of several replicas with last-writer-wins keys.
type toy struct {
	rnd   *rand.Rand
	ops   []op
	nodes []*toyNode
	most  int      // keys that are listed at a time, 0: all
	hot   []string // keys that are written while members are compared
}

type toyNode struct {
	db      *toy
	applied []int          // per replica, how many of its ops
	newest  map[string]int // number of the newest op of a key
	planted map[string]uint64
}

func newToy(seed uint64, n int) *toy {
	d := &toy{rnd: rand.New(rand.NewPCG(seed, 1))}
	for range n {
		d.nodes = append(d.nodes, &toyNode{db: d, applied: make([]int, n), newest: map[string]int{}, planted: map[string]uint64{}})
	}
	return d
}

func (d *toy) write(r int, key string) {
	d.ops = append(d.ops, op{r, key, d.rnd.IntN(4) == 0})
	d.nodes[r].take(r, len(d.ops)-1)
}

func (n *toyNode) take(replica, number int) {
	n.applied[replica]++
	key := n.db.ops[number].key
	if old, ok := n.newest[key]; !ok || old < number {
		n.newest[key] = number
	}
}

// pull delivers the next op of a replica, if there is one.
func (n *toyNode) pull(replica int) bool {
	skip := n.applied[replica]
	for i, o := range n.db.ops {
		if o.replica != replica {
			continue
		}
		if skip--; skip < 0 {
			n.take(replica, i)
			return true
		}
	}
	return false
}

func (n *toyNode) digest(key string) uint64 {
	i, ok := n.newest[key]
	d := uint64(i)*0x9e3779b97f4a7c15 + 1
	if !ok || n.db.ops[i].deletes {
		d = 0
	}
	return d ^ n.planted[key]
}

func hashOf(key string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(key))
	return h.Sum64() * 0x9e3779b97f4a7c15
}

func (n *toyNode) keysIn(s api.Slice) (keys []string) {
	for k := range n.newest {
		if hashOf(k)>>(64-s.Bits) == s.Prefix && n.digest(k) != 0 {
			keys = append(keys, k)
		}
	}
	sort.Strings(keys)
	return keys
}

// digests answers a query; the database goes on meanwhile.
func (n *toyNode) digests(_ context.Context, q *api.DigestQuery) (*api.DigestAnswer, error) {
	n.db.goOn()
	for _, v := range q.After {
		for r := range n.applied {
			for want := int(binary.BigEndian.Uint32(v[4*r:])); n.applied[r] < want; {
				n.pull(r)
			}
		}
	}
	a := &api.DigestAnswer{}
	for _, s := range q.Slices {
		keys := n.keysIn(s)
		d := api.SliceDigest{Keys: len(keys)}
		for _, k := range keys {
			d.Sum += hashOf(k) * (n.digest(k) | 1)
			if q.List && n.db.most > 0 && len(a.Keys) == n.db.most {
				a.More = true
			} else if q.List {
				a.Keys = append(a.Keys, api.KeyDigest{KeyRef: api.KeyRef{Key: []byte(k)}, Digest: n.digest(k)})
			}
		}
		if !q.List {
			a.Slices = append(a.Slices, d)
		}
	}
	for _, k := range q.Keys {
		a.Keys = append(a.Keys, api.KeyDigest{KeyRef: k, Digest: n.digest(string(k.Key))})
	}
	for _, c := range n.applied {
		a.Vector = binary.BigEndian.AppendUint32(a.Vector, uint32(c))
	}
	return a, nil
}

// goOn writes hot keys and delivers some ops.
func (d *toy) goOn() {
	for range d.rnd.IntN(6) {
		r := d.rnd.IntN(len(d.nodes))
		if len(d.hot) > 0 && d.rnd.IntN(2) == 0 {
			d.write(r, d.hot[d.rnd.IntN(len(d.hot))])
		} else {
			d.nodes[r].pull(d.rnd.IntN(len(d.nodes)))
		}
	}
}

// compare compares the replicas. One is asked at a time: the toy has no lock.
func (d *toy) compare(t *testing.T) *api.VerifyReport {
	t.Helper()
	lock := make(chan struct{}, 1)
	var members []Member
	for i, n := range d.nodes {
		members = append(members, Member{fmt.Sprint("r", i), func(ctx context.Context, q *api.DigestQuery) (*api.DigestAnswer, error) {
			lock <- struct{}{}
			defer func() { <-lock }()
			return n.digests(ctx, q)
		}})
	}
	report := &api.VerifyReport{}
	if err := Compare(t.Context(), members, Options{}, report); err != nil {
		t.Fatal(err)
	}
	return report
}

// TestFindsWhatDiffersAndNothingElse compares replicas under load, some of
// whose keys were changed behind the back of replication (F1, F2).
func TestFindsWhatDiffersAndNothingElse(t *testing.T) {
	for seed := range uint64(40) {
		d := newToy(seed, 2+int(seed%2))
		d.most = int(seed % 3) // lists end early: the parts are listed instead
		for i := range 300 {
			d.write(d.rnd.IntN(len(d.nodes)), fmt.Sprint("cold", i))
		}
		for i := range 20 {
			d.hot = append(d.hot, fmt.Sprint("hot", i))
		}
		var want []string
		if seed%4 != 0 {
			for i := range 1 + d.rnd.IntN(3) {
				key := fmt.Sprint("cold", 7*i)
				want = append(want, key)
				d.nodes[d.rnd.IntN(len(d.nodes))].planted[key] = 0xbad
			}
		}
		sort.Strings(want)
		report := d.compare(t)
		var got []string
		for _, k := range report.Differing {
			got = append(got, string(k.Key))
			if len(k.Digests) < 2 {
				t.Errorf("seed %d: %s: digests %v", seed, k.Key, k.Digests)
			}
		}
		sort.Strings(got)
		if !slices.Equal(got, want) {
			t.Errorf("seed %d: found %v, planted %v", seed, got, want)
		}
	}
}

// Without the waits for each other's vectors, writes on their way look like
// differences: the rounds need them (F1).
func TestWaitsAreNeeded(t *testing.T) {
	wrong := 0
	for seed := range uint64(40) {
		d := newToy(seed, 2)
		for i := range 100 {
			d.write(d.rnd.IntN(2), fmt.Sprint("k", i))
		}
		careless := func(n *toyNode) func(context.Context, *api.DigestQuery) (*api.DigestAnswer, error) {
			return func(ctx context.Context, q *api.DigestQuery) (*api.DigestAnswer, error) {
				return n.digests(ctx, &api.DigestQuery{Slices: q.Slices, List: q.List, Keys: q.Keys})
			}
		}
		report := &api.VerifyReport{}
		members := []Member{{"a", careless(d.nodes[0])}, {"b", careless(d.nodes[1])}}
		v := &run{members: members, report: report}
		for i := range 100 {
			if err := v.confirm(t.Context(), []api.KeyRef{{Key: fmt.Append(nil, "k", i)}}); err != nil {
				t.Fatal(err)
			}
		}
		wrong += len(report.Differing)
	}
	if wrong == 0 {
		t.Error("the careless rounds were right: this test shows nothing")
	}
}

func TestFailuresNameTheMember(t *testing.T) {
	bad := errors.New("gone")
	fine := func(_ context.Context, q *api.DigestQuery) (*api.DigestAnswer, error) {
		return &api.DigestAnswer{Slices: make([]api.SliceDigest, len(q.Slices))}, nil
	}
	for _, other := range []func(context.Context, *api.DigestQuery) (*api.DigestAnswer, error){
		func(context.Context, *api.DigestQuery) (*api.DigestAnswer, error) { return nil, bad },
		func(context.Context, *api.DigestQuery) (*api.DigestAnswer, error) { return &api.DigestAnswer{}, nil },
	} {
		err := Compare(t.Context(), []Member{{"a", fine}, {"b", other}}, Options{}, &api.VerifyReport{})
		var m *MemberError
		if !errors.As(err, &m) || m.Region != "b" {
			t.Errorf("%v", err)
		}
	}
}
