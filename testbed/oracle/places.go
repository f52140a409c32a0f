package oracle

import (
	"math/rand/v2"
	"strconv"
)

// place is a longitude and a latitude, now and then on the edge or wrong.
func place(r *rand.Rand, out []string) []string {
	if r.IntN(12) == 0 {
		lons := []string{"180", "-180", "0", "180.1", "x", "inf", "12.5"}
		lats := []string{"85.05112878", "-85.05112878", "0", "86", "", "nan", "45"}
		return append(out, pick(r, lons), pick(r, lats))
	}
	if r.IntN(2) == 0 { // close together
		return append(out, degrees(13+r.Float64()), degrees(52+r.Float64()))
	}
	return append(out, degrees(r.Float64()*360-180), degrees(r.Float64()*170-85))
}

func degrees(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// manyPlaces is a run of places and numbered names.
func manyPlaces(r *rand.Rand, out []string) []string {
	for i := range 150 {
		out = append(out, degrees(r.Float64()*360-180), degrees(r.Float64()*170-85), "m"+strconv.Itoa(i))
	}
	return out
}
