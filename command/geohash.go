package command

import "math"

// A geo set is a sorted set whose scores are geohashes: longitude and latitude,
// each as 26 bits of a fraction of its range, interleaved to 52 bits. Every
// formula here is that of Redis, in the same order of operations, so that
// scores are equal to the bit and distances to the digits shown.

const (
	geoMaxLon   = 180.0
	geoMaxLat   = 85.05112878
	geoSteps    = 26 // bits of each coordinate in a score
	earthRadius = 6372797.560856
	mercatorMax = 20037726.37
)

// geoBox is a cell of the grid that halves both ranges steps times.
type geoBox struct {
	bits  uint64 // latitude in the even bits, longitude in the odd ones
	steps uint
}

// geoArea is what a geoBox covers, in degrees.
type geoArea struct{ minLon, maxLon, minLat, maxLat float64 }

// geoEncode returns the box around a point; the latitudes reach to +-maxLat.
func geoEncode(lon, lat, maxLat float64, steps uint) geoBox {
	scale := float64(uint64(1) << steps)
	x := (lon + geoMaxLon) / (2 * geoMaxLon) * scale
	y := (lat + maxLat) / (2 * maxLat) * scale
	return geoBox{spread(uint32(int64(y))) | spread(uint32(int64(x)))<<1, steps}
}

// geoScore returns the score of a point.
func geoScore(lon, lat float64) float64 {
	return float64(geoEncode(lon, lat, geoMaxLat, geoSteps).bits)
}

// spread puts a zero before each bit.
func spread(v uint32) uint64 {
	x := uint64(v)
	x = (x | x<<16) & 0x0000ffff0000ffff
	x = (x | x<<8) & 0x00ff00ff00ff00ff
	x = (x | x<<4) & 0x0f0f0f0f0f0f0f0f
	x = (x | x<<2) & 0x3333333333333333
	return (x | x<<1) & 0x5555555555555555
}

// squash takes every second bit.
func squash(x uint64) uint32 {
	x &= 0x5555555555555555
	x = (x | x>>1) & 0x3333333333333333
	x = (x | x>>2) & 0x0f0f0f0f0f0f0f0f
	x = (x | x>>4) & 0x00ff00ff00ff00ff
	x = (x | x>>8) & 0x0000ffff0000ffff
	return uint32(x | x>>16)
}

// area returns what the box covers.
func (b geoBox) area() geoArea {
	n := float64(uint64(1) << b.steps)
	y, x := squash(b.bits), squash(b.bits>>1)
	return geoArea{
		minLon: -geoMaxLon + float64(float64(x)/n*(2*geoMaxLon)),
		maxLon: -geoMaxLon + float64(float64(x+1)/n*(2*geoMaxLon)),
		minLat: -geoMaxLat + float64(float64(y)/n*(2*geoMaxLat)),
		maxLat: -geoMaxLat + float64(float64(y+1)/n*(2*geoMaxLat)),
	}
}

// geoDecode returns the point in the middle of a score's box.
func geoDecode(score float64) (lon, lat float64) {
	a := geoBox{uint64(int64(score)), geoSteps}.area()
	lon, lat = (a.minLon+a.maxLon)/2, (a.minLat+a.maxLat)/2
	return max(-geoMaxLon, min(lon, geoMaxLon)), max(-geoMaxLat, min(lat, geoMaxLat))
}

// neighbour returns the box dx to the east and dy to the north, each -1, 0 or
// 1; the grid goes round at its ends. The last degree itself lies in a box past
// the end, which only a step along its own axis brings back, as in Redis.
func (b geoBox) neighbour(dx, dy int) geoBox {
	mask := uint32(1)<<b.steps - 1
	y, x := squash(b.bits), squash(b.bits>>1)
	if dy != 0 {
		y = (y + uint32(dy)) & mask
	}
	if dx != 0 {
		x = (x + uint32(dx)) & mask
	}
	return geoBox{spread(y) | spread(x)<<1, b.steps}
}

// scores returns the scores [min, max) of what lies in the box.
func (b geoBox) scores() (min, max float64) {
	shift := 2 * (geoSteps - b.steps)
	return float64(b.bits << shift), float64((b.bits + 1) << shift)
}

func radians(deg float64) float64 { return deg * (math.Pi / 180) }
func degrees(rad float64) float64 { return rad / (math.Pi / 180) }

// geoDistance returns the metres between two points along a great circle.
func geoDistance(lon1, lat1, lon2, lat2 float64) float64 {
	lat1, lat2 = radians(lat1), radians(lat2)
	u := geoSin((lat2 - lat1) / 2)
	v := geoSin((radians(lon2) - radians(lon1)) / 2)
	return 2 * earthRadius * geoAsin(math.Sqrt(float64(u*u)+float64(geoCos(lat1)*geoCos(lat2)*v*v)))
}

// geoShape is what a search covers: a circle, or a box if width or height is
// meant. Lengths are in units of metres each.
type geoShape struct {
	lon, lat      float64
	box           bool
	radius        float64
	width, height float64
	unit          float64
}

// contains reports whether a point is in the shape, and its distance from the
// centre in metres.
func (s *geoShape) contains(lon, lat float64) (distance float64, ok bool) {
	if !s.box {
		distance = geoDistance(s.lon, s.lat, lon, lat)
		return distance, !(distance > s.radius*s.unit)
	}
	if geoDistance(lon, lat, s.lon, lat) > s.width*s.unit/2 || geoDistance(lon, lat, lon, s.lat) > s.height*s.unit/2 {
		return 0, false
	}
	return geoDistance(s.lon, s.lat, lon, lat), true
}

// bounds returns the degrees that the shape reaches to.
func (s *geoShape) bounds() geoArea {
	height, width := s.unit*s.radius, s.unit*s.radius
	if s.box {
		height, width = s.unit*(s.height/2), s.unit*(s.width/2)
	}
	dLat := degrees(height / earthRadius)
	edge := s.lat + dLat
	if s.lat < 0 {
		edge = s.lat - dLat
	}
	dLon := degrees(width / earthRadius / geoCos(radians(edge)))
	return geoArea{s.lon - dLon, s.lon + dLon, s.lat - dLat, s.lat + dLat}
}

// steps estimates how fine a grid may be whose nine boxes around the centre
// cover the shape.
func (s *geoShape) steps() uint {
	metres := s.radius
	if s.box {
		metres = math.Sqrt(float64(s.width/2*(s.width/2)) + float64(s.height/2*(s.height/2)))
	}
	if metres *= s.unit; metres == 0 {
		return geoSteps
	}
	steps := -1
	for ; metres < mercatorMax; metres *= 2 {
		steps++
	}
	if math.Abs(s.lat) > 66 {
		steps--
	}
	if math.Abs(s.lat) > 80 {
		steps--
	}
	return uint(max(1, min(steps, geoSteps)))
}

// around are the boxes to search, the centre and its neighbours, in Redis's
// order, as steps to the east and to the north.
var around = [9][2]int{{0, 0}, {0, 1}, {0, -1}, {1, 0}, {-1, 0}, {1, 1}, {-1, 1}, {1, -1}, {-1, -1}}

// boxes calls fn for the boxes that cover the shape, until it returns false.
func (s *geoShape) boxes(fn func(b geoBox) bool) {
	steps, want := s.steps(), s.bounds()
	centre := geoEncode(s.lon, s.lat, geoMaxLat, steps)
	short := centre.neighbour(0, 1).area().maxLat < want.maxLat || centre.neighbour(0, -1).area().minLat > want.minLat ||
		centre.neighbour(1, 0).area().maxLon < want.maxLon || centre.neighbour(-1, 0).area().minLon > want.minLon
	if short && steps > 1 {
		steps--
		centre = geoEncode(s.lon, s.lat, geoMaxLat, steps)
	}
	in := centre.area()
	var last geoBox
	for i, d := range around {
		if steps >= 2 && (d[1] < 0 && in.minLat < want.minLat || d[1] > 0 && in.maxLat > want.maxLat ||
			d[0] < 0 && in.minLon < want.minLon || d[0] > 0 && in.maxLon > want.maxLon) {
			continue
		}
		b := centre.neighbour(d[0], d[1])
		if b == last { // the whole earth: boxes may repeat
			continue
		}
		if !fn(b) {
			return
		}
		if i > 0 { // Redis does not compare with the centre
			last = b
		}
	}
}
