package engine

import (
	"bytes"
	"encoding/binary"
	"encoding/gob"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"crdb/crdt"
	"crdb/oplog"
)

// The model of the transfer protocol: engines over logs in memory that crash,
// random operations of all types on all sides, truncation of any log, blocks
// pulled from their authors, and state transfers wherever a log no longer
// reaches back; slices are captured and merged one by one between the other
// steps. At the end everything is delivered, and all must show the same.
type transferModel struct {
	t      *testing.T
	seed   uint64
	rnd    *rand.Rand
	walls  []*atomic.Int64
	nodes  []*modelNode
	mutant mutant
	joined bool
	older  []*memSource // states of some moments, for who joins
	spared int          // bytes that they made unnecessary
	strs   *keptStrings // long strings that are changed in place, too; nil: none
}

// mutant is a rule left out on purpose: the model must find it.
type mutant int

const (
	sound           mutant = iota
	noRaisedDeps           // own blocks depend only on what was received
	vectorReadAfter        // an image's vector is newer than its records
	vectorReadBefore
	forgetEarly // shares are forgotten before their removal is stable
	unsaved     // what the source has forgotten is covered by the log only (T7)
)

type modelNode struct {
	*node
	fs       *vfs.MemFS
	sess     *modelSession
	joining  bool // it has no state yet: it applies nothing
	joinedAt int  // 0: a founder
	seed     *Seed
	offer    []byte
	offerTo  uint64
	release  func() // what the source has forgotten; nil: the transfer has to begin again
}

// modelSession is a transfer under way to a node; its mark is on that node's disk.
type modelSession struct {
	Src    int
	Tips   []oplog.Tip
	Cursor Position
	Done   bool
	First  bool // the transfer that a joining node begins with
}

func (s *modelSession) mark() []byte {
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(s); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func newTransferModel(t *testing.T, seed uint64, mu mutant) *transferModel {
	m := &transferModel{t: t, seed: seed, rnd: rand.New(rand.NewPCG(seed, 11)), mutant: mu}
	for i := range 3 {
		m.add(crdt.ReplicaID(i + 1))
	}
	m.members()
	return m
}

func (m *transferModel) add(id crdt.ReplicaID) *modelNode {
	wall := clockAt(1_700_000_000_000 + int64(m.rnd.IntN(100)))
	fs := vfs.NewCrashableMem()
	n := &modelNode{node: &node{t: m.t, fs: fs, id: id, wall: wall, idle: true}, fs: fs}
	n.open()
	m.nodes, m.walls = append(m.nodes, n), append(m.walls, wall)
	return n
}

// members tells every node who belongs to the database.
func (m *transferModel) members() {
	var all []*node
	for _, n := range m.nodes {
		all = append(all, n.node)
	}
	for _, n := range m.nodes {
		if n.all = all; m.mutant == forgetEarly {
			n.all = nil
		}
	}
}

func (m *transferModel) close() {
	for _, n := range m.nodes {
		n.eng.Close()
		n.log.Close()
	}
}

// run plays a random history and returns what is wrong at the end.
func (m *transferModel) run(steps int) error {
	defer m.close()
	for range steps {
		if err := m.step(); err != nil {
			return err
		}
	}
	for _, w := range m.walls { // every deadline passes, so that hiding does not matter
		w.Store(1_700_000_100_000)
	}
	for _, n := range m.nodes {
		m.expire(n)
	}
	return m.heal()
}

// expire deletes what n has to delete because its deadline has passed.
func (m *transferModel) expire(n *modelNode) {
	for i := range partitions {
		n.eng.NewTx().expirePartition(i)
	}
}

func (m *transferModel) any() *modelNode { return m.nodes[m.rnd.IntN(len(m.nodes))] }

func (m *transferModel) step() error {
	n := m.any()
	n.wall.Add(int64(m.rnd.IntN(40)))
	switch k := m.rnd.IntN(40); {
	case k < 16:
		for range 1 + m.rnd.IntN(6) {
			m.op(n)
		}
	case k < 26:
		if o := m.any(); o != n {
			return m.pull(n, o, 1+m.rnd.IntN(3))
		}
	case k < 33:
		return m.advance(n, 1+m.rnd.IntN(400))
	case k < 35:
		v := n.eng.Vector()
		if err := n.eng.Checkpoint(); err != nil {
			return err
		}
		if m.rnd.IntN(2) == 0 { // past the acknowledgement of the others
			n.log.Truncate(v)
		}
		return m.remember(n)
	case k < 36:
		n.eng.forgetResidues(n.eng.NewTx())
		return m.remember(n)
	case k < 37:
		m.expire(n)
	case k < 39:
		return m.crash(n)
	default:
		if o := m.any(); o != n && n.sess == nil && m.rnd.IntN(2) == 0 {
			return m.begin(n, o) // without need
		}
		if !m.joined && m.rnd.IntN(4) == 0 {
			m.joined = true
			n := m.add(4)
			n.joining, n.joinedAt = true, 1
			m.giveSeed(n)
			m.members()
		}
	}
	return nil
}

// op writes, and waits for the disk: so that a seed always makes the same blocks.
func (m *transferModel) op(n *modelNode) {
	n.do(func(tx *Tx) {
		if m.strs == nil || m.rnd.IntN(2) == 0 {
			randomOp(tx, m.rnd, n.wall.Load())
			return
		}
		for range 1 + m.rnd.IntN(6) {
			m.strs.change(tx, m.rnd, fmt.Sprint(n.id, ".", m.rnd.Uint32()))
		}
	})
	m.sync(n)
}

func (m *transferModel) sync(n *modelNode) {
	if err := n.log.Sync(m.t.Context()); err != nil {
		m.t.Fatal(err)
	}
	if err := n.log.SyncTo(m.t.Context(), n.log.Raised()); err != nil {
		m.t.Fatal(err)
	}
}

// crash opens n as it was on disk some steps ago, of which nobody else knows.
func (m *transferModel) crash(n *modelNode) error {
	m.sync(n)
	fs := n.fs.CrashClone(vfs.CrashCloneCfg{})
	for range m.rnd.IntN(4) {
		m.op(n)
		o := m.any()
		if o != n {
			if err := m.pull(n, o, 1); err != nil {
				return err
			}
		}
		if err := m.advance(n, m.rnd.IntN(300)); err != nil {
			return err
		}
	}
	return m.reopen(n, fs)
}

func (m *transferModel) reopen(n *modelNode, fs *vfs.MemFS) error {
	n.drop()
	for _, o := range m.nodes {
		if o.sess != nil && m.nodes[o.sess.Src] == n {
			o.drop()
		}
	}
	n.eng.Close()
	n.log.Close()
	n.fs, n.node.fs = fs, fs
	n.open()
	n.sess, n.offerTo = nil, 0
	if b, err := n.log.GetMeta(oplog.MarkName); err == nil && b != nil {
		var s modelSession
		if err := gob.NewDecoder(bytes.NewReader(b)).Decode(&s); err != nil {
			panic(err)
		}
		n.joining = n.joinedAt > 0 && !s.Done && s.First
		if !s.Done {
			n.sess = &s
		}
	} else {
		n.joining = n.joinedAt > 0
	}
	return nil
}

// pull delivers up to max blocks of o's own log to n, or begins a transfer.
func (m *transferModel) pull(n, o *modelNode, max int) error {
	if n.joining {
		if n.sess == nil {
			return m.begin(n, o)
		}
		return nil
	}
	if err := o.log.Sync(m.t.Context()); err != nil {
		return err
	}
	for ; max != 0; max-- {
		blocks, err := o.log.Read(o.id, n.log.Received().Get(o.id), 1)
		if errors.Is(err, oplog.ErrTruncated) {
			if n.sess == nil {
				return m.begin(n, o)
			}
			return nil
		}
		if err != nil || len(blocks) == 0 {
			return err
		}
		b := must(oplog.DecodeBlock(blocks[0].Bytes())) // as it comes over the wire
		if m.mutant == noRaisedDeps {
			b = stripDeps(b, o.log.Received())
		}
		if !n.log.Received().Descends(without(b.Deps, n.id)) {
			return nil
		}
		if err := n.log.Receive(b); err != nil {
			if errors.Is(err, oplog.ErrClock) {
				return nil
			}
			return err
		}
		if err := n.eng.Apply(b); err != nil {
			return err
		}
	}
	return nil
}

// begin begins a transfer from o to n.
func (m *transferModel) begin(n, o *modelNode) error {
	if o.joining || !m.admit(n, o) {
		return nil
	}
	if err := o.log.Sync(m.t.Context()); err != nil {
		return err
	}
	tips, err := o.log.Tips()
	if err != nil {
		return err
	}
	n.sess = &modelSession{Src: int(o.id) - 1, Tips: tips, First: n.joining}
	return n.log.PutMeta(oplog.MarkName, n.sess.mark())
}

// admit sees to it that n covers what o has forgotten, on disk too, or holds
// nothing, and that o forgets no more while the transfer goes on (K4, T7).
func (m *transferModel) admit(n, o *modelNode) bool {
	vv, release := o.eng.HoldForgotten()
	if len(n.log.Received()) > 0 {
		if m.mutant != forgetEarly && !n.log.Received().Descends(without(vv, n.id)) {
			release()
			return false
		}
		if m.mutant != unsaved && m.mutant != forgetEarly {
			if err := n.eng.SaveTo(m.t.Context(), vv); err != nil {
				m.t.Fatal(err)
			}
		}
	}
	if err := n.eng.NoteForgotten(m.t.Context(), vv); err != nil {
		m.t.Fatal(err)
	}
	n.drop()
	n.release = release
	return true
}

// drop ends what n's source holds for it.
func (n *modelNode) drop() {
	if n.release != nil {
		n.release()
		n.release = nil
	}
}

// advance captures and merges up to so many slices of n's transfer.
func (m *transferModel) advance(n *modelNode, slices int) error {
	s := n.sess
	if s == nil {
		return nil
	}
	o := m.nodes[s.Src]
	if n.release == nil && !m.admit(n, o) {
		return nil
	}
	for ; slices > 0; slices-- {
		if s.Cursor == EndPosition {
			s.Done = true
			if err := n.eng.Jump(m.t.Context(), s.Tips, s.mark()); err != nil {
				return err
			}
			n.sess, n.joining = nil, false
			n.drop()
			return nil
		}
		im, err := m.capture(o, s.Cursor)
		if err != nil {
			return err
		}
		if im, err = m.spare(n, o, im); err != nil {
			return err
		}
		next := *s
		next.Cursor = im.Next()
		switch _, err := n.eng.Merge(im, next.mark(), func() { m.between(n, o) }); {
		case errors.Is(err, oplog.ErrClock):
			n.offerTo = 0
			return nil
		case err != nil:
			return err
		}
		*s = next
	}
	return nil
}

// between is what happens while half of an image is merged into n.
func (m *transferModel) between(n, o *modelNode) {
	switch m.rnd.IntN(8) {
	case 0:
		m.op(n)
	case 1:
		m.op(o)
	case 2:
		if other := m.any(); other != n && !n.joining {
			if err := m.pull(n, other, 1+m.rnd.IntN(3)); err != nil {
				m.t.Error(err)
			}
		}
	case 3:
		m.expire(n)
	case 4:
		n.eng.forgetResidues(n.eng.NewTx())
	}
}

// capture captures a slice as the source sends it.
func (m *transferModel) capture(o *modelNode, at Position) (*Image, error) {
	before := o.eng.Vector()
	if m.mutant == vectorReadBefore || m.mutant == vectorReadAfter {
		if m.mutant == vectorReadBefore {
			m.write(o)
		}
	}
	im := must(o.eng.Capture(at, nil))
	if m.mutant == vectorReadAfter {
		m.write(o)
		before = o.eng.Vector()
	}
	if m.mutant == vectorReadBefore || m.mutant == vectorReadAfter {
		b := append(beginImage(nil, im.Range, im.First, before), im.records...)
		im = must(DecodeImage(endImage(b, im.Last)))
	}
	if err := o.log.SyncTo(m.t.Context(), im.Vector); err != nil {
		return nil, err
	}
	return DecodeImage(append([]byte(nil), im.Bytes()...))
}

func (m *transferModel) write(o *modelNode) {
	if m.rnd.IntN(20) == 0 {
		m.op(o)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// stripDeps returns the block with deps that count only what was received.
func stripDeps(b *oplog.Block, received crdt.VersionVector) *oplog.Block {
	data := b.Bytes()
	old := len(crdt.AppendVector(nil, b.Deps))
	out := append([]byte(nil), data[:38]...)
	out = crdt.AppendVector(out, meet(b.Deps, received))
	out = append(out, data[38+old:len(data)-4]...)
	binary.BigEndian.PutUint32(out[4:], uint32(len(out)+4))
	out = binary.BigEndian.AppendUint32(out, crc32.Checksum(out, castagnoli))
	return must(oplog.DecodeBlock(out))
}
