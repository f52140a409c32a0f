package oracle

import "math/rand/v2"

// Mix makes random commands for others than the oracle itself: of chosen
// families, mostly well formed, with few keys, so that they meet. They take
// neither much memory nor much time.
type Mix struct {
	g        *generator
	families []string
}

// Families returns the names of all families whose commands only read and
// write keys.
func Families() (names []string) {
	for _, f := range familyWeights {
		if f.name != "acl" && f.name != "about" && f.name != "rare" {
			names = append(names, f.name)
		}
	}
	return names
}

// NewMix returns a source of commands of the named families.
func NewMix(r *rand.Rand, families ...string) *Mix {
	g := newGenerator(0)
	g.rand = r
	return &Mix{g, families}
}

// Next makes a command. A command for inside MULTI does not pick at random.
func (m *Mix) Next(multi bool) []string {
	m.g.multi = multi
	forms := m.g.forms[pick(m.g.rand, m.families)]
	args := forms[m.g.rand.IntN(len(forms))](m.g.rand, nil)
	if m.g.rand.IntN(20) == 0 {
		args = m.g.spoil(args)
	}
	m.g.tame(args)
	return args
}

// EveryKey are the keys that commands use.
func EveryKey() []string { return join(allKeys, hllKeys, geoKeys, lexKeys) }
