package engine

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"crdb/crdt"
	"crdb/oplog"
)

// A flush takes short ways: it drops whole tables, and leaves alone what no flush
// changes. TestFlushModel plays random commands that leave behind all that may be
// left of a key - removed counter shares, deadlines without a value - and flushes,
// on three replicas that hear late of each other, and demands of each that it has,
// of every key, what the operations make of it one after the other.
func TestFlushModel(t *testing.T) {
	for seed := range seeds(80) {
		t.Run(fmt.Sprint("seed", seed), func(t *testing.T) { newFlushModel(t, seed).run(150) })
	}
}

type flushModel struct {
	rnd      *rand.Rand
	wall     int64
	replicas []*flushReplica
}

// flushReplica is a node, and what it has heard, op by op.
type flushReplica struct {
	*node
	heard crdt.VersionVector // what is in want
	want  map[dbAndKey]*crdt.Object
}

type dbAndKey struct {
	db  int
	key string
}

func newFlushModel(t *testing.T, seed uint64) *flushModel {
	m := &flushModel{rnd: rand.New(rand.NewPCG(seed, 5)), wall: 1_700_000_000_000}
	var all []*node
	for id := range crdt.ReplicaID(3) {
		n := &node{t: t, fs: vfs.NewMem(), id: id + 1, wall: clockAt(m.wall), idle: true}
		n.open()
		t.Cleanup(n.close)
		all = append(all, n)
		m.replicas = append(m.replicas, &flushReplica{node: n, want: map[dbAndKey]*crdt.Object{}})
	}
	for _, n := range all {
		n.all = all // nothing is truncated before all have it
	}
	return m
}

func (m *flushModel) run(steps int) {
	for range steps {
		m.step()
	}
	for !m.level() {
		for _, r := range m.replicas {
			for _, o := range m.replicas {
				r.hear(o)
			}
		}
	}
	first := m.replicas[0]
	for _, r := range m.replicas {
		r.check("at the end")
		if is, want := r.eng.Digest(), first.eng.Digest(); is != want {
			r.t.Fatalf("digest %x, replica %d has %x", is, first.id, want)
		}
		r.restart()
	}
}

// level reports whether all have heard everything.
func (m *flushModel) level() bool {
	for _, r := range m.replicas {
		for _, o := range m.replicas {
			if r.heard.Get(o.id) != o.heard.Get(o.id) {
				return false
			}
		}
	}
	return true
}

func (m *flushModel) step() {
	r, o := m.replicas[m.rnd.IntN(3)], m.replicas[m.rnd.IntN(3)]
	switch p := m.rnd.IntN(100); {
	case p < 15:
		r.hear(o)
	case p < 18:
		r.checkpoint()
	case p < 20:
		r.restart()
	case p < 28:
		r.command(func(tx *Tx) {
			if tx.Select(m.rnd.IntN(2)); p < 26 {
				tx.Flush()
			} else {
				tx.FlushAll()
			}
		})
	case p < 29:
		r.eng.forgetResidues(r.eng.NewTx())
		r.learn(r)
	default:
		r.command(func(tx *Tx) {
			tx.Select(m.rnd.IntN(2))
			m.command(tx, fmt.Appendf(nil, "k%d", m.rnd.IntN(4)))
		})
	}
}

// command runs a command, which may not fit the key.
func (m *flushModel) command(tx *Tx, key []byte) {
	fields, later := [][]byte{[]byte("f")}, m.wall+1_000_000
	switch m.rnd.IntN(14) {
	case 0, 1:
		_, _ = tx.Incr(key, 3)
	case 2, 3:
		_, _ = tx.HashIncr(key, fields[0], 2)
	case 4:
		_, _, _ = tx.ZSetIncr(key, fields[0], 1, ScoreRule{})
	case 5, 6:
		tx.SetDeadline(key, later)
	case 7:
		tx.Persist(key)
	case 8:
		_, _ = tx.HashExpire(key, fields, later, func(int64) bool { return true })
	case 9:
		_, _ = tx.HashDelete(key, fields)
	case 10:
		tx.Put(key, []byte("v"), Expiry{})
	case 11:
		_, _ = tx.SetAdd(key, fields)
	default:
		tx.Delete(key)
	}
}

func (r *flushReplica) command(fn func(tx *Tx)) {
	r.do(fn)
	r.learn(r)
}

// hear delivers to r what it lacks of o's own ops.
func (r *flushReplica) hear(o *flushReplica) {
	if r != o {
		r.pull(o.node)
		r.learn(o)
	}
}

func (r *flushReplica) checkpoint() {
	if err := r.eng.Checkpoint(); err != nil {
		r.t.Fatal(err)
	}
}

func (r *flushReplica) restart() {
	r.close()
	r.open()
	r.check("after a restart")
}

// learn applies to want what r has got of o's own ops.
func (r *flushReplica) learn(o *flushReplica) {
	r.t.Helper()
	if err := errors.Join(o.log.Sync(r.t.Context()), r.log.Sync(r.t.Context())); err != nil {
		r.t.Fatal(err)
	}
	from, to := r.heard.Get(o.id), r.log.Durable().Get(o.id)
	for from < to {
		blocks, err := o.log.Read(o.id, from, 1)
		if err != nil || len(blocks) == 0 {
			r.t.Fatalf("%d blocks of replica %d after %v: %v", len(blocks), o.id, from, err)
		}
		if err := blocks[0].Each(r.apply); err != nil {
			r.t.Fatal(err)
		}
		from = blocks[0].Last
	}
	r.heard.Set(o.id, from)
}

// apply applies an op to what r is to have.
func (r *flushReplica) apply(en oplog.Entry) error {
	var op crdt.Op
	if err := crdt.DecodeOp(&op, en.Op); err != nil {
		return err
	}
	if op.Kind == crdt.KindFlush {
		for at, o := range r.want {
			if at.db == int(op.DB) {
				o.Apply(&op, en.Dot)
			}
		}
		return nil
	}
	at := dbAndKey{int(op.DB), string(op.Key)}
	if r.want[at] == nil {
		r.want[at] = &crdt.Object{}
	}
	r.want[at].Apply(&op, en.Dot)
	return nil
}

func (r *flushReplica) check(when string) {
	r.t.Helper()
	tx := r.eng.NewTx()
	for at, o := range r.want {
		tx.Select(at.db)
		if is := tx.DigestOf([]byte(at.key)); is != o.Digest() {
			r.t.Fatalf("replica %d %s: %s of database %d has digest %x, want %x",
				r.id, when, at.key, at.db, is, o.Digest())
		}
	}
}
