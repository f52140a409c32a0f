package crdt

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

var long = flag.Bool("long", false, "run many more schedules")
var seedFlag = flag.Uint64("seed", 0, "run this one schedule of TestRandomSchedules")

// mix is a choice of actions that a schedule draws from.
type mixture struct {
	name  string
	verbs []verb
	float bool // floats instead of integers at the limits
}

var mixtures = []mixture{
	{"string", []verb{vPut, vPut, vDel, vIncr, vIncr, vIncr, vExpire}, false},
	{"counter", []verb{vPut, vDel, vIncr, vIncr, vIncr, vIncr}, false},
	{"float", []verb{vPut, vDel, vIncr, vIncr, vIncr, vHincr, vHset}, true},
	{"set", []verb{vSadd, vSadd, vSadd, vSrem, vSrem, vDel, vExpire}, false},
	{"hash", []verb{vHset, vHset, vHincr, vHincr, vHdel, vDel, vExpire}, false},
	{"hash float", []verb{vHset, vHincr, vHincr, vHincr, vHdel, vDel}, true},
	{"field times", []verb{vHset, vHset, vHincr, vHexpire, vHexpire, vHexpire, vHdel, vDel}, false},
	{"hidden times", []verb{vHset, vHincr, vHexpire, vHexpire, vSadd, vHdel, vDel, vFlush}, false},
	{"conflict", []verb{vPut, vSadd, vHset, vHincr, vIncr, vSrem, vHdel, vDel, vExpire}, false},
	{"hidden", []verb{vHincr, vHincr, vSadd, vIncr, vHincr, vSadd}, false},
	{"stream", []verb{vXadd, vXadd, vXadd, vXdel, vXcut, vXgroup, vXdrop, vDel, vExpire}, false},
	{"hidden stream", []verb{vXadd, vXgroup, vSadd, vXdel, vXcut, vPut, vDel, vFlush}, false},
	{"zset", []verb{vZadd, vZadd, vZincr, vZincr, vZrem, vDel, vExpire}, false},
	{"scores", []verb{vZadd, vZincr, vZincr, vZincr, vZrem}, true},
	{"hidden zset", []verb{vZincr, vZincr, vSadd, vHincr, vZadd, vDel}, false},
	{"sketch", []verb{vPfadd, vPfadd, vPfadd, vDel, vExpire}, false},
	{"sketch conflict", []verb{vPfadd, vPfadd, vPut, vSadd, vHincr, vDel, vFlush}, false},
	{"list", []verb{vLpush, vRpush, vLinsert, vLset, vLrem, vLrem, vDel, vExpire}, false},
	{"list inside", []verb{vRpush, vLinsert, vLinsert, vLinsert, vLset, vLcut, vLrem, vLroom}, false},
	{"hidden list", []verb{vLset, vLcut, vLpush, vRpush, vLinsert, vLrem, vSadd, vHincr, vDel}, false},
	{"flush", []verb{vPut, vSadd, vHincr, vIncr, vIncr, vFlush, vDel}, false},
}

func mixtureOf(name string) *mixture {
	for i := range mixtures {
		if mixtures[i].name == name {
			return &mixtures[i]
		}
	}
	panic(name)
}

func (m *mixture) action(rnd *rand.Rand, keys int) action {
	a := action{verb: m.verbs[rnd.IntN(len(m.verbs))], key: rnd.IntN(keys)}
	pick := func(s ...string) string { return s[rnd.IntN(len(s))] }
	members := []string{"a", "b", "c"}
	switch a.verb {
	case vPut, vHset:
		a.text = pick("5", "-3", "abc", "", "1000", "2.5")
		if a.verb == vPut && rnd.IntN(3) == 0 {
			a.at = 1000 + int64(rnd.IntN(3))
		} else if a.verb == vPut && rnd.IntN(3) == 0 {
			a.keep = true
		}
	case vIncr, vHincr:
		a.text = pick("1", "-2", "7", "0", "5000000000000000000", "-6000000000000000000")
		if m.float {
			a.text, a.float = pick("1", "0.5", "-0.25", "7", "1.75"), true
		}
	case vZadd:
		a.text = pick("5", "-3", "0", "1000", "2.5", "-0.125")
	case vZincr:
		if a.text = pick("1", "-2", "7", "0"); m.float {
			a.text = pick("1", "0.5", "-0.25", "7", "1.75", "-1000000.5")
		}
	case vExpire, vHexpire:
		a.at = int64(rnd.IntN(3)) * 1000
	}
	switch a.verb {
	case vXadd, vXdel:
		a.names, a.text = []string{pick("e1", "e2", "e3")}, pick("a", "b")
	case vXcut:
		ids := []string{"e1", "e2", "e3"}
		from := rnd.IntN(3)
		a.names = ids[from : from+1+rnd.IntN(3-from)]
	case vXgroup, vXdrop:
		a.names = []string{pick("gx", "gy")}
	case vHincr, vZincr:
		a.names = members[rnd.IntN(2):][:1]
	case vLinsert, vLset:
		a.names, a.index = members[rnd.IntN(3):][:1], rnd.IntN(100)
	case vLcut, vLroom:
		a.index = rnd.IntN(100)
	case vSadd, vSrem, vHset, vHdel, vHexpire, vZadd, vZrem, vLpush, vRpush, vLrem, vPfadd:
		for range 1 + rnd.IntN(3) {
			a.names = append(a.names, pick(members...))
		}
	}
	return a
}

// schedule runs steps random steps and heals.
func schedule(seed uint64, steps int, m *mixture, broken mutant, quiet bool) (s *sim, err error) {
	rnd := rand.New(rand.NewPCG(seed, 7))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	s = newSim(3, 1+rnd.IntN(2))
	s.break_, s.quiet = broken, quiet
	wall := make([]Timestamp, len(s.nodes)) // clocks drift apart
	cut := [3][3]bool{}
	var images []*image
	for i := 0; i < steps && err == nil; i++ {
		a, b := rnd.IntN(3), rnd.IntN(3)
		n, from := s.nodes[a], s.nodes[b]
		wall[b] += Timestamp(rnd.IntN(4))
		switch p := rnd.IntN(100); {
		case p < 36:
			if len(s.hist) < 60 {
				_, err = s.write(n, m.action(rnd, s.keys), wall[a])
			}
		case p < 72:
			i := n.next(from)
			if p < 40 && len(from.log) > 0 {
				i = rnd.IntN(len(from.log)) // a duplicate, or too early
			}
			if i < len(from.log) && !cut[a][b] {
				_, err = s.deliver(n, from, i)
			}
		case p < 80:
			err = s.absorb(n, from.capture())
		case p < 84:
			images = append(images, from.capture())
		case p < 88:
			if len(images) > 0 {
				err = s.absorb(n, images[rnd.IntN(len(images))])
			}
		case p < 92:
			err = s.forget(n)
		case p < 95:
			err = s.reload(n)
		default:
			cut[a][b] = !cut[a][b]
		}
	}
	if err == nil {
		err = s.heal()
	}
	return s, err
}

// shortest returns the failure with the fewest steps of a failing seed.
func shortest(seed uint64, m *mixture, broken mutant) (*sim, int, error) {
	for steps := 1; ; steps++ {
		if s, err := schedule(seed, steps, m, broken, false); err != nil {
			return s, steps, err
		}
	}
}

const stepsPerSchedule = 60

func TestRandomSchedules(t *testing.T) { // K1, K2, K3, K4
	first, n := uint64(1), uint64(8000)
	if *long {
		n = 100000
	}
	if testing.Short() {
		n = 1000
	}
	if *seedFlag != 0 {
		first, n = *seedFlag, 1
	}
	events := 0
	for seed := first; seed < first+n; seed++ {
		m := &mixtures[seed%uint64(len(mixtures))]
		s, err := schedule(seed, stepsPerSchedule, m, mutant{}, true)
		if err != nil {
			s, steps, err := shortest(seed, m, mutant{})
			t.Fatalf("seed %d (%s), %d steps: %v\n%s", seed, m.name, steps, err, strings.Join(s.trace, "\n"))
		}
		events += len(s.hist)
	}
	t.Logf("%d schedules, %d ops", n, events)
}

// TestMutantsAreCaught proves that the simulation can fail: each broken rule is
// found within a bounded number of schedules.
func TestMutantsAreCaught(t *testing.T) {
	for _, broken := range mutants {
		t.Run(broken.name, func(t *testing.T) {
			for seed := uint64(1); seed <= 20000; seed++ {
				m := &mixtures[seed%uint64(len(mixtures))]
				if broken.mixture != "" {
					m = mixtureOf(broken.mixture)
				}
				if _, err := schedule(seed, stepsPerSchedule, m, broken, true); err != nil {
					t.Logf("caught at seed %d (%s)", seed, m.name)
					return
				}
			}
			t.Fatal("not caught")
		})
	}
}
