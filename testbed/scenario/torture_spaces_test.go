package scenario

import (
	"time"
)

// mostSkew is how far a node's clock is set ahead or behind, at most.
const mostSkew = 4 * time.Second

// inSpaces are the kinds of trouble that need network namespaces: what happens to
// packets, below every connection.
func (r *torture) inSpaces() []trouble {
	if r.c.Spaces == nil {
		return nil
	}
	kinds := []trouble{r.drop, r.dropOneWay, r.losePackets, r.pull}
	if r.c.Spaces.Tbf {
		kinds = append(kinds, r.tokenBucket)
	}
	if r.c.Spaces.Netem {
		kinds = append(kinds, r.netem)
	}
	return kinds
}

func (r *torture) drop() (string, func()) {
	a, b := r.pair()
	r.must(r.c.Spaces.Cut(a, b))
	return "packets dropped", nil
}

func (r *torture) dropOneWay() (string, func()) {
	a, b := r.pair()
	r.must(r.c.Spaces.CutOneWay(a, b))
	return "packets dropped one way", nil
}

func (r *torture) losePackets() (string, func()) {
	a, b := r.pair()
	r.must(r.c.Spaces.Lose(a, b, 1+r.rng.IntN(40)))
	return "packets lost", nil
}

// pull takes a cable out for a moment: a client's connection survives it.
func (r *torture) pull() (string, func()) {
	r.must(r.c.Spaces.Pull(r.region()))
	return "cable pulled", nil
}

func (r *torture) tokenBucket() (string, func()) {
	r.must(r.c.Spaces.Rate(r.region(), 5000+r.rng.IntN(100_000)))
	return "slow cable (tbf)", nil
}

func (r *torture) netem() (string, func()) {
	r.must(r.c.Spaces.Delay(r.region(), time.Duration(1+r.rng.IntN(300))*time.Millisecond, r.rng.IntN(15)))
	return "delay and loss (netem)", nil
}

// skew sets the clock of a node ahead or behind.
func (r *torture) skew() (string, func()) {
	n := r.c.Node(r.region())
	r.must(n.SetClock(time.Duration(r.rng.Int64N(int64(2*mostSkew))) - mostSkew))
	return "clock set", func() { r.must(n.SetClock(0)) }
}
