package command

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestGeoScores compares with scores and distances that redis-server gives.
func TestGeoScores(t *testing.T) {
	if s := geoScore(13.361389, 38.115556); s != 3479099956230698 {
		t.Errorf("Palermo: %v", s)
	}
	if s := geoScore(15.087269, 37.502669); s != 3479447370796909 {
		t.Errorf("Catania: %v", s)
	}
	lon, lat := geoDecode(3479099956230698)
	lon2, lat2 := geoDecode(3479447370796909)
	if d := geoDistance(lon, lat, lon2, lat2); math.Abs(d-166274.1516) > 0.0001 {
		t.Errorf("distance %v", d)
	}
}

// TestSearchBoxesCoverTheShape: a place in the shape is in one of the boxes.
func TestSearchBoxesCoverTheShape(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	for range 3000 {
		s := geoShape{lon: rnd.Float64()*340 - 170, lat: rnd.Float64()*120 - 60, unit: 1000, radius: math.Exp(rnd.Float64() * 6)}
		lon, lat := geoDecode(geoScore(s.lon+(rnd.Float64()-.5)/50*s.radius, max(-80, min(80, s.lat+(rnd.Float64()-.5)/50*s.radius))))
		if _, ok := s.contains(lon, lat); !ok {
			continue
		}
		score, found := geoScore(lon, lat), false
		s.boxes(func(b geoBox) bool {
			lo, hi := b.scores()
			found = found || lo <= score && score < hi
			return true
		})
		if !found {
			t.Fatalf("%v,%v is in %+v but in no box", lon, lat, s)
		}
	}
}

// TestTrigonometry: twice the precision is close to the ordinary one.
func TestTrigonometry(t *testing.T) {
	rnd := rand.New(rand.NewPCG(2, 2))
	near := func(a, b float64) bool { return math.Abs(a-b) <= 4e-16 }
	for range 10000 {
		x := (rnd.Float64() - 0.5) * 2 * math.Pi
		if !near(geoSin(x), math.Sin(x)) || !near(geoCos(x), math.Cos(x)) {
			t.Fatalf("sin and cos of %v: %v %v", x, geoSin(x), geoCos(x))
		}
		if y := rnd.Float64(); math.Abs(geoAsin(y)-math.Asin(y)) > 2e-15 {
			t.Fatalf("asin of %v: %v", y, geoAsin(y))
		}
	}
	for _, x := range []float64{0, 1, math.Pi, math.Pi / 2, -math.Pi / 2} {
		if !near(geoSin(x), math.Sin(x)) || math.IsNaN(geoAsin(math.Abs(math.Sin(x)))) {
			t.Errorf("sin of %v: %v", x, geoSin(x))
		}
	}
}
