package engine

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"crdb/crdt"
)

// heal delivers everything to everybody and compares.
func (m *transferModel) heal() error {
	for round := 0; !m.level(); round++ {
		if round > 60 {
			return fmt.Errorf("seed %d: no agreement: %v", m.seed, m.vectors())
		}
		for _, n := range m.nodes {
			for _, o := range m.nodes {
				if n == o {
					continue
				}
				if err := m.pull(n, o, -1); err != nil {
					return err
				}
				if err := m.advance(n, 2000); err != nil {
					return err
				}
			}
		}
	}
	if m.rnd.IntN(2) == 0 {
		n := m.any() // all of it is on disk
		m.sync(n)
		if err := m.reopen(n, n.fs.CrashClone(vfs.CrashCloneCfg{})); err != nil {
			return err
		}
	}
	return m.compare()
}

func (m *transferModel) level() bool {
	for _, n := range m.nodes {
		if n.joining || n.sess != nil || !n.eng.Vector().Equal(m.nodes[0].eng.Vector()) {
			return false
		}
	}
	return true
}

func (m *transferModel) vectors() (out []crdt.VersionVector) {
	for _, n := range m.nodes {
		out = append(out, n.eng.Vector())
	}
	return out
}

func (m *transferModel) compare() error {
	want := m.nodes[0].dump()
	for _, n := range m.nodes[1:] {
		got := n.dump()
		if fmt.Sprint(got) != fmt.Sprint(want) {
			return fmt.Errorf("replica 1 alone shows %q\nreplica %d alone shows %q", lacks(got, want), n.id, lacks(want, got))
		}
	}
	return nil
}

// lacks returns what of b is not in a.
func lacks(a, b []string) (out []string) {
	for _, s := range b {
		if !slices.Contains(a, s) {
			out = append(out, s)
		}
	}
	return out
}

// modelSeeds is how many histories to play: more with TRANSFER_SEEDS.
func modelSeeds(n uint64) (from, to uint64) {
	if s, err := strconv.ParseUint(os.Getenv("TRANSFER_SEED"), 10, 64); err == nil {
		return s, s + 1
	}
	if s, err := strconv.ParseUint(os.Getenv("TRANSFER_SEEDS"), 10, 64); err == nil {
		return 0, s
	}
	return 0, seeds(n)
}

func TestTransferModel(t *testing.T) {
	from, to := modelSeeds(40)
	spared := 0
	for seed := from; seed < to; seed++ {
		m := newTransferModel(t, seed, sound)
		if err := m.run(150); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
		spared += m.spared
	}
	if t.Logf("older states spared %d bytes", spared); spared == 0 && to-from >= 40 {
		t.Error("an older state never spared anything")
	}
}

// TestTransferModelFindsMutants leaves out one rule after the other.
func TestTransferModelFindsMutants(t *testing.T) {
	if testing.Short() {
		t.Skip("long")
	}
	for name, mu := range map[string]mutant{
		"no raised deps": noRaisedDeps, "vector read after": vectorReadAfter,
		"vector read before": vectorReadBefore, "forget early": forgetEarly, "unsaved": unsaved,
	} {
		t.Run(name, func(t *testing.T) {
			for i := range uint64(400) {
				seed := i + 220 // the first ones never meet one of them, and take long
				if err := newTransferModel(t, seed, mu).run(150); err != nil {
					t.Logf("found with seed %d", seed)
					return
				}
			}
			t.Fatal("the model does not notice")
		})
	}
}
