package crdt

import "math"

// Count estimates how many different elements the sketch has seen: Ertl's
// estimator ("New cardinality estimation algorithms for HyperLogLog sketches",
// 2017), step by step as Redis computes it, so that the numbers are the same.
func (s *Sketch) Count() uint64 {
	const m, q, alpha = float64(Registers), 64 - registerBits, 0.721347520444481703680
	var histogram [maxRegister + 1]int
	histogram[0] = Registers
	s.Each(func(_ int, value byte) {
		histogram[value]++
		histogram[0]--
	})
	z := m * tau((m-float64(histogram[q+1]))/m)
	for j := q; j >= 1; j-- {
		z = float64(z+float64(histogram[j])) * 0.5
	}
	z += float64(m * sigma(float64(histogram[0])/m))
	n := math.Round(alpha * m * m / z)
	if n >= 1<<63 { // registers that nobody can have filled
		return 1 << 63
	}
	return uint64(n)
}

// The conversions keep the compiler from fusing a product into a sum, which
// would round differently.

func sigma(x float64) float64 {
	if x == 1 {
		return math.Inf(1)
	}
	y, z := 1.0, x
	for {
		x *= x
		before := z
		z += float64(x * y)
		y += y
		if z == before {
			return z
		}
	}
}

func tau(x float64) float64 {
	if x == 0 || x == 1 {
		return 0
	}
	y, z := 1.0, 1-x
	for {
		x = math.Sqrt(x)
		before := z
		y *= 0.5
		z -= float64(float64((1-x)*(1-x)) * y)
		if z == before {
			return z / 3
		}
	}
}
