package oplog

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"crdb/crdt"
)

// TestEditsStayInOneBlock: an edit is logged only behind what it is an edit of, in the
// same block; else the string is, whole. Blocks end as ever: by their size, at a commit,
// around groups, around large ops; and when their edits make much.
func TestEditsStayInOneBlock(t *testing.T) {
	for seed := range uint64(12) {
		rnd := rand.New(rand.NewPCG(seed, 5))
		l := mustOpen(t, testOptions(vfs.NewMem(), 1))
		base := crdt.Timestamp(0)
		var dots []crdt.Timestamp
		size, told := 4, 0
		for range 60 {
			switch rnd.IntN(24) {
			case 0:
				sync_(t, l)
			case 1:
				l.Append(bytes.Repeat([]byte("o"), rnd.IntN(DefaultLargeOp)))
			case 2:
				l.AppendTaken(testWall, []byte("o"), make([]byte, DefaultLargeOp))
			case 3:
				size = []int{4, DefaultLargeOp / 2, DefaultLargeOp, 2 * DefaultLargeOp}[rnd.IntN(4)]
			default:
				group := rnd.IntN(8) == 0
				if group {
					l.BeginGroup()
				}
				for range 1 + rnd.IntN(4) {
					var edit []byte
					if base != 0 {
						edit = append([]byte("e"), crdt.AppendDot(nil, crdt.Dot{Time: base, Replica: 1})...)
					}
					d, taken := l.AppendString(testWall, []byte("s"), make([]byte, size), base, edit)
					if base = d.Time; taken && size < l.LargeOp() {
						t.Errorf("a string of %d is kept", size)
					}
					dots = append(dots, base)
				}
				if group {
					l.EndGroup()
				}
			}
		}
		sync_(t, l)
		for _, b := range readAll(t, l, 1, 0) {
			in := map[string]bool{}
			for _, e := range entries(t, b) {
				switch e.Op[0] {
				case 's':
				case 'e':
					told++
					if !in[string(e.Op[1:])] {
						t.Fatalf("seed %d: an edit of what is not in its block", seed)
					}
				default:
					continue
				}
				in[string(crdt.AppendDot(nil, e.Dot))] = true
				if dots[0] != e.Dot.Time {
					t.Fatalf("seed %d: %v is missing", seed, dots[0])
				}
				dots = dots[1:]
			}
		}
		if len(dots) > 0 || told == 0 {
			t.Errorf("seed %d: %d ops are missing, %d edits", seed, len(dots), told)
		}
	}
}

// TestEditsMakeNoMoreThan: what the edits of one block make is bounded; then a block
// begins with a whole string.
func TestEditsMakeNoMoreThan(t *testing.T) {
	l := mustOpen(t, testOptions(vfs.NewMem(), 1))
	const size = crdt.MaxEdited / 4
	base := crdt.Timestamp(0)
	for range 11 {
		d, _ := l.AppendString(testWall, []byte("s"), make([]byte, size), base, []byte("e"))
		base = d.Time
	}
	sync_(t, l)
	edits := 0
	for _, b := range readAll(t, l, 1, 0) {
		inBlock := 0
		for _, e := range entries(t, b) {
			if e.Op[0] == 'e' {
				inBlock++
			}
		}
		if edits += inBlock; inBlock > 4 {
			t.Errorf("%d strings of a quarter of the bound", inBlock)
		}
	}
	if edits < 6 {
		t.Errorf("%d edits", edits)
	}
}
