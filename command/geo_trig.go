package command

import "math"

// Go's sine, cosine and arc sine differ from those of the C library in the last
// bit now and then, and distances would differ in their last digits. Those of
// the C library are nearly always the correctly rounded ones. So these compute
// with twice the precision, and round once.

// twice is a number of twice the precision: the sum of both.
type twice struct{ hi, lo float64 }

func quickSum(a, b float64) twice {
	s := a + b
	return twice{s, b - (s - a)}
}

func sum(a, b float64) twice {
	s := a + b
	t := s - a
	return twice{s, (a - (s - t)) + (b - t)}
}

func (a twice) add(b twice) twice {
	s, t := sum(a.hi, b.hi), sum(a.lo, b.lo)
	s = quickSum(s.hi, s.lo+t.hi)
	return quickSum(s.hi, s.lo+t.lo)
}

func (a twice) mul(b twice) twice {
	p := float64(a.hi * b.hi)
	return quickSum(p, math.FMA(a.hi, b.hi, -p)+(float64(a.hi*b.lo)+float64(a.lo*b.hi)))
}

func (a twice) div(b float64) twice {
	q := a.hi / b
	r := math.FMA(-q, b, a.hi) + a.lo
	return quickSum(q, r/b)
}

func (a twice) neg() twice { return twice{-a.hi, -a.lo} }

// halfPi is pi/2.
var halfPi = twice{1.5707963267948966, 6.123233995736766e-17}

// series is x - x^3/3! + ..., or 1 - x^2/2! + ... from 1 on, for |x| < 0.8.
func series(x twice, odd bool) twice {
	square := x.mul(x).neg()
	term, n := twice{1, 0}, 0.0
	if odd {
		term, n = x, 1
	}
	total := term
	for math.Abs(term.hi) > math.Abs(total.hi)*1e-33 && term.hi != 0 {
		term = term.mul(square).div((n + 1) * (n + 2))
		n += 2
		total = total.add(term)
	}
	return total
}

// sine returns sin(x + quarters*pi/2) for |x| <= 2 pi.
func sine(x twice, quarters int) twice {
	k := int(math.RoundToEven(x.hi / halfPi.hi))
	r := x.add(halfPi.mul(twice{-float64(k), 0}))
	s := series(r, (k+quarters)&1 == 0)
	if (k+quarters)&2 != 0 {
		return s.neg()
	}
	return s
}

func geoSin(x float64) float64 { return sine(twice{x, 0}, 0).hi }
func geoCos(x float64) float64 { return sine(twice{x, 0}, 1).hi }

// geoAsin returns the arc sine of 0 <= y <= 1, by one step of Newton's method.
func geoAsin(y float64) float64 {
	a := twice{math.Asin(y), 0}
	s, c := sine(a, 0), sine(a, 1).hi
	if c < 1e-15 {
		return a.hi
	}
	return a.add(twice{y, 0}.add(s.neg()).div(c)).hi
}
