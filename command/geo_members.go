package command

import (
	"bytes"
	"fmt"
	"math"
	"strconv"

	"crdb/resp"
)

// argPoint reads arguments i and i+1 as longitude and latitude; false means
// that the error is replied.
func (c *Context) argPoint(i int) (lon, lat float64, ok bool) {
	if lon, ok = parseFloat(c.Args[i]); ok {
		lat, ok = parseFloat(c.Args[i+1])
	}
	if !ok {
		c.Out.Error(msgNotFloat)
		return 0, 0, false
	}
	if math.Abs(lon) > geoMaxLon || math.Abs(lat) > geoMaxLat {
		c.Out.Error(fmt.Sprintf("ERR invalid longitude,latitude pair %s,%s", sixDigits(lon), sixDigits(lat)))
		return 0, 0, false
	}
	return lon, lat, true
}

// sixDigits prints as C's %f does.
func sixDigits(f float64) string {
	if math.IsInf(f, 0) {
		return string(resp.AppendDouble(nil, f))
	}
	return strconv.FormatFloat(f, 'f', 6, 64)
}

// argUnit reads argument i as a unit of length, in metres.
func (c *Context) argUnit(i int) (metres float64, ok bool) {
	switch u := c.Args[i]; {
	case isOption(u, "m"):
		return 1, true
	case isOption(u, "km"):
		return 1000, true
	case isOption(u, "ft"):
		return 0.3048, true
	case isOption(u, "mi"):
		return 1609.34, true
	}
	c.Out.Error("ERR unsupported unit provided. please use M, KM, FT, MI")
	return 0, false
}

// geoAdd runs GEOADD key [NX|XX] [CH] longitude latitude member ...
func geoAdd(c *Context) {
	var o addOptions
	i := 2
	for ; i < len(c.Args); i++ {
		arg := c.Args[i]
		if !isOption(arg, "nx") && !isOption(arg, "xx") && !isOption(arg, "ch") {
			break
		}
		o.word(arg)
	}
	places := c.Args[i:]
	if len(places)%3 != 0 || o.rule.NX && o.rule.XX {
		c.Out.Error(msgSyntax)
		return
	}
	var members [][]byte
	var scores []float64
	for j := i; j < len(c.Args); j += 3 {
		lon, lat, ok := c.argPoint(j)
		if !ok {
			return
		}
		members, scores = append(members, c.Args[j+2]), append(scores, geoScore(lon, lat))
	}
	if len(members) == 0 {
		c.Out.Error(msgSyntax)
		return
	}
	added, changed, err := c.Tx.ZSetAdd(c.Args[1], members, scores, o.rule)
	if added+changed > 0 {
		c.event(evZSet, "zadd", c.Args[1])
	}
	if o.ch {
		added += changed
	}
	replyCount(c, added, err)
}

// geoDist runs GEODIST key member1 member2 [unit].
func geoDist(c *Context) {
	unit := 1.0
	if len(c.Args) > 5 {
		c.Out.Error(msgSyntax)
		return
	}
	if len(c.Args) == 5 {
		var ok bool
		if unit, ok = c.argUnit(4); !ok {
			return
		}
	}
	a, okA, err := c.Tx.ZSetScore(c.Args[1], c.Args[2])
	if err != nil {
		c.Error(err)
		return
	}
	b, okB, _ := c.Tx.ZSetScore(c.Args[1], c.Args[3])
	if !okA || !okB {
		c.Out.Null()
		return
	}
	lon, lat := geoDecode(a)
	lon2, lat2 := geoDecode(b)
	replyDistance(c, geoDistance(lon, lat, lon2, lat2)/unit)
}

func replyDistance(c *Context, d float64) {
	var digits [64]byte
	c.Out.Bulk(strconv.AppendFloat(digits[:0], d, 'f', 4, 64))
}

// eachPlace replies one element for each member argument, null where it is
// not there.
func eachPlace(c *Context, null func(), write func(score float64)) {
	if _, err := c.Tx.ZSetLen(c.Args[1]); err != nil {
		c.Error(err)
		return
	}
	c.Out.Array(len(c.Args) - 2)
	for _, member := range c.Args[2:] {
		if score, ok, _ := c.Tx.ZSetScore(c.Args[1], member); ok {
			write(score)
		} else {
			null()
		}
	}
}

func geoPos(c *Context) {
	eachPlace(c, c.Out.NullArray, func(score float64) {
		lon, lat := geoDecode(score)
		replyPoint(c, lon, lat)
	})
}

func replyPoint(c *Context, lon, lat float64) {
	c.Out.Array(2)
	replyCoordinate(c, lon)
	replyCoordinate(c, lat)
}

// replyCoordinate replies a double with 17 decimals, without zeros at the end.
func replyCoordinate(c *Context, f float64) {
	var buf [64]byte
	text := bytes.TrimRight(strconv.AppendFloat(buf[:0], f, 'f', 17, 64), "0")
	text = bytes.TrimSuffix(text, []byte("."))
	if string(text) == "-0" {
		text = text[1:]
	}
	if c.Out.Proto < 3 {
		c.Out.Bulk(text)
		return
	}
	c.Out.Raw([]byte(","))
	c.Out.Raw(text)
	c.Out.Raw([]byte("\r\n"))
}

const geoAlphabet = "0123456789bcdefghjkmnpqrstuvwxyz"

// geoHash runs GEOHASH: the usual text of eleven letters, for latitudes from
// -90 to 90. The last letter is always 0, since scores have only 52 bits.
func geoHash(c *Context) {
	eachPlace(c, c.Out.Null, func(score float64) {
		lon, lat := geoDecode(score)
		bits := geoEncode(lon, lat, 90, geoSteps).bits
		var text [11]byte
		for i := range 10 {
			text[i] = geoAlphabet[bits>>(47-5*i)&31]
		}
		text[10] = '0'
		c.Out.Bulk(text[:])
	})
}
