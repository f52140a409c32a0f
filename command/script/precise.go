package script

import "math"

// # Powers, exponentials and logarithms to the last digit
//
// Scripts see all 17 digits of a number: they compare them, and hand them to commands as
// scores. The C library rounds exp, log and pow as if there was no error before; Go's are
// off by some units of the last digit, its log10(1e15) is less than 15, and its log of the
// smallest numbers is wrong. So these are computed in pairs of numbers, of which the
// second is what the first lacks, and rounded at the end.

// pair is hi + lo, and hi is that sum, rounded.
type pair struct{ hi, lo float64 }

// sum is a + b without an error.
func sum(a, b float64) pair {
	s := a + b
	t := s - a
	return pair{s, (a - (s - t)) + (b - t)}
}

// product is a * b without an error.
func product(a, b float64) pair {
	p := float64(a * b)
	return pair{p, math.FMA(a, b, -p)}
}

func (x pair) plus(y pair) pair {
	s := sum(x.hi, y.hi)
	return sum(s.hi, s.lo+(x.lo+y.lo))
}

func (x pair) times(y pair) pair {
	p := product(x.hi, y.hi)
	return sum(p.hi, p.lo+(float64(x.hi*y.lo)+float64(x.lo*y.hi)))
}

var ln2 = pair{0.6931471805599453, 2.3190468138462996e-17}

// expPair is e^x, and a power of two that it is to be multiplied by.
func expPair(x pair) (y pair, exponent int) {
	const halvings = 8 // of the argument: the series is the shorter for it
	n := math.Round(x.hi / ln2.hi)
	r := x.plus(ln2.times(pair{-n, 0}))
	r = pair{math.Ldexp(r.hi, -halvings), math.Ldexp(r.lo, -halvings)}
	y, term := pair{1, 0}, pair{1, 0}
	for k := 1.0; k <= 11; k++ {
		term = term.times(r).over(k)
		y = y.plus(term)
	}
	for range halvings {
		y = y.times(y)
	}
	return y, int(n)
}

// over is x / d.
func (x pair) over(d float64) pair {
	q := x.hi / d
	p := product(q, d)
	return sum(q, ((x.hi-p.hi)-p.lo+x.lo)/d)
}

// logPair is the logarithm of a number above zero.
func logPair(x float64) pair {
	m, exponent := math.Frexp(x)
	if m < math.Sqrt2/2 {
		m, exponent = 2*m, exponent-1
	}
	near := math.Log(m) // m * e^-near is 1 + t, and t so small that two terms will do
	e, n := expPair(pair{-near, 0})
	e = pair{math.Ldexp(e.hi, n), math.Ldexp(e.lo, n)}
	t := e.times(pair{m, 0}).plus(pair{-1, 0})
	log := sum(near, 0).plus(t).plus(pair{-t.hi * t.hi / 2, 0})
	return log.plus(ln2.times(pair{float64(exponent), 0}))
}

func exp(x float64) float64 {
	if math.IsNaN(x) || math.Abs(x) > 800 {
		return math.Exp(x)
	}
	y, n := expPair(pair{x, 0})
	return math.Ldexp(y.hi, n)
}

func log(x float64) float64 {
	if !(x > 0) || math.IsInf(x, 0) {
		return math.Log(x)
	}
	return logPair(x).hi
}

// log10 rounds where the C library does, which is exact for powers of ten.
func log10(x float64) float64 {
	const (
		perE   = 4.34294481903251816668e-01
		twoHi  = 3.01029995663611771306e-01 // the logarithm of 2, the first part short
		twoLow = 3.69423907715893078616e-13
	)
	if !(x > 0) || math.IsInf(x, 0) {
		return math.Log(x)
	}
	m, exponent := math.Frexp(x)
	m, exponent = 2*m, exponent-1
	if exponent < 0 {
		m, exponent = m/2, exponent+1
	}
	n := float64(exponent)
	z := float64(n*twoLow) + float64(perE*log(m))
	return z + float64(n*twoHi)
}

func pow(x, y float64) float64 {
	size, negative := math.Abs(x), false
	if x < 0 {
		if y != math.Trunc(y) {
			return math.Pow(x, y)
		}
		negative = math.Mod(y, 2) != 0
	}
	if size == 0 || y == 0 || math.IsNaN(x+y) || math.IsInf(x, 0) || math.IsInf(y, 0) {
		return math.Pow(x, y)
	}
	l := logPair(size)
	result := 0.0
	switch about := l.hi * y; {
	case about > 800:
		result = math.Inf(1)
	case about > -800:
		p := product(l.hi, y)
		e, n := expPair(sum(p.hi, p.lo+float64(l.lo*y)))
		result = math.Ldexp(e.hi, n)
	}
	if negative {
		return -result
	}
	return result
}
