package command

import (
	"fmt"
	"sort"
)

// geoForm is which command of the GEOSEARCH family runs.
type geoForm struct {
	search    bool // GEOSEARCH, GEOSEARCHSTORE
	store     bool // GEOSEARCHSTORE
	byMember  bool // GEORADIUSBYMEMBER
	mayStore  bool // STORE and STOREDIST are options
	src, base int  // index of the key, and of the first option
}

func geoRadius(c *Context)   { searchPlaces(c, geoForm{mayStore: true, src: 1, base: 6}) }
func geoRadiusRO(c *Context) { searchPlaces(c, geoForm{src: 1, base: 6}) }
func geoSearch(c *Context)   { searchPlaces(c, geoForm{search: true, src: 1, base: 2}) }
func geoRadiusByMember(c *Context) {
	searchPlaces(c, geoForm{byMember: true, mayStore: true, src: 1, base: 5})
}
func geoRadiusByMemberRO(c *Context) { searchPlaces(c, geoForm{byMember: true, src: 1, base: 5}) }
func geoSearchStore(c *Context) {
	searchPlaces(c, geoForm{search: true, store: true, src: 2, base: 3})
}

// geoQuery is one search.
type geoQuery struct {
	geoForm
	shape                    geoShape
	exists                   bool // the key
	dist, hash, coord, any   bool
	order                    int // 1 nearest first, -1 farthest first, 0 as found
	count                    int64
	dst                      []byte
	storeDist                bool
	from, fromMember, within bool
}

// place is one result.
type place struct {
	member   int // index into the names
	score    float64
	distance float64
	lon, lat float64
}

func searchPlaces(c *Context, f geoForm) {
	q := geoQuery{geoForm: f, shape: geoShape{unit: 1}}
	size, err := c.Tx.ZSetLen(c.Args[f.src])
	if err != nil {
		c.Error(err)
		return
	}
	q.exists = size > 0
	if !q.fixed(c) || !q.options(c) || !q.consistent(c) {
		return
	}
	if !q.exists {
		q.replyNothing(c)
		return
	}
	if q.count != 0 && q.order == 0 && !q.any {
		q.order = 1
	}
	var names byteList
	found := q.find(c, &names)
	if len(found) == 0 {
		q.replyNothing(c)
		return
	}
	if q.order != 0 {
		sort.SliceStable(found, func(i, j int) bool {
			if q.order > 0 {
				return found[i].distance < found[j].distance
			}
			return found[i].distance > found[j].distance
		})
	}
	if q.count != 0 && q.count < int64(len(found)) {
		found = found[:q.count]
	}
	if q.dst != nil {
		q.storePlaces(c, found, names.slices())
	} else {
		q.replyPlaces(c, found, names.slices())
	}
}

// fixed reads the arguments of GEORADIUS that are not options.
func (q *geoQuery) fixed(c *Context) (ok bool) {
	if q.store {
		q.dst = c.Args[1]
	}
	if q.search {
		return true
	}
	if !q.byMember {
		if q.shape.lon, q.shape.lat, ok = c.argPoint(2); !ok {
			return false
		}
	} else if !q.exists {
		return true
	} else if !q.centre(c, c.Args[2]) {
		return false
	}
	return q.radius(c, q.base-2)
}

// centre makes a member the middle of the search.
func (q *geoQuery) centre(c *Context, member []byte) bool {
	score, ok, _ := c.Tx.ZSetScore(c.Args[q.src], member)
	if !ok {
		c.Out.Error("ERR could not decode requested zset member")
		return false
	}
	q.shape.lon, q.shape.lat = geoDecode(score)
	return true
}

// radius reads arguments i and i+1 as a length and its unit.
func (q *geoQuery) radius(c *Context, i int) (ok bool) {
	if q.shape.radius, ok = parseFloat(c.Args[i]); !ok {
		c.Out.Error("ERR need numeric radius")
		return false
	}
	if q.shape.radius < 0 {
		c.Out.Error("ERR radius cannot be negative")
		return false
	}
	q.shape.unit, ok = c.argUnit(i + 1)
	return ok
}

// box reads three arguments from i on as width, height and their unit.
func (q *geoQuery) box(c *Context, i int) (ok bool) {
	if q.shape.width, ok = parseFloat(c.Args[i]); !ok {
		c.Out.Error("ERR need numeric width")
		return false
	}
	if q.shape.height, ok = parseFloat(c.Args[i+1]); !ok {
		c.Out.Error("ERR need numeric height")
		return false
	}
	if q.shape.width < 0 || q.shape.height < 0 {
		c.Out.Error("ERR height or width cannot be negative")
		return false
	}
	q.shape.unit, ok = c.argUnit(i + 2)
	return ok
}

func (q *geoQuery) options(c *Context) bool {
	for i := q.base; i < len(c.Args); i++ {
		if q.flag(c.Args[i]) {
			continue
		}
		used, ok := q.option(c, i, len(c.Args)-i-1)
		if !ok {
			return false
		}
		if used == 0 {
			c.Out.Error(msgSyntax)
			return false
		}
		i += used
	}
	return true
}

// flag takes an option of one word.
func (q *geoQuery) flag(arg []byte) bool {
	switch {
	case isOption(arg, "withdist"):
		q.dist = true
	case isOption(arg, "withhash"):
		q.hash = true
	case isOption(arg, "withcoord"):
		q.coord = true
	case isOption(arg, "any"):
		q.any = true
	case isOption(arg, "asc"):
		q.order = 1
	case isOption(arg, "desc"):
		q.order = -1
	case q.store && isOption(arg, "storedist"):
		q.storeDist = true
	default:
		return false
	}
	return true
}

// option takes an option with left arguments behind it and returns how many of
// them are its own; 0 is a syntax error, not ok one that is replied.
func (q *geoQuery) option(c *Context, i, left int) (used int, ok bool) {
	switch arg := c.Args[i]; {
	case isOption(arg, "count") && left >= 1:
		if q.count, ok = c.argInt(i + 1); ok && q.count <= 0 {
			c.Out.Error("ERR COUNT must be > 0")
			ok = false
		}
		return 1, ok
	case q.mayStore && left >= 1 && (isOption(arg, "store") || isOption(arg, "storedist")):
		q.dst, q.storeDist = c.Args[i+1], isOption(arg, "storedist")
		return 1, true
	case q.search && left >= 1 && isOption(arg, "frommember") && (!q.from || q.fromMember):
		q.from, q.fromMember = true, true
		return 1, !q.exists || q.centre(c, c.Args[i+1])
	case q.search && left >= 2 && isOption(arg, "fromlonlat") && !q.fromMember:
		q.from = true
		q.shape.lon, q.shape.lat, ok = c.argPoint(i + 1)
		return 2, ok
	case q.search && left >= 2 && isOption(arg, "byradius") && !q.shape.box:
		q.within = true
		return 2, q.radius(c, i+1)
	case q.search && left >= 3 && isOption(arg, "bybox") && (!q.within || q.shape.box):
		q.within, q.shape.box = true, true
		return 3, q.box(c, i+1)
	}
	return 0, true
}

// consistent checks what the options ask for together.
func (q *geoQuery) consistent(c *Context) bool {
	what := ""
	switch {
	case q.dst != nil && (q.dist || q.hash || q.coord):
		what = "STORE option in GEORADIUS"
		if q.store {
			what = "GEOSEARCHSTORE"
		}
		what += " is not compatible with WITHDIST, WITHHASH and WITHCOORD options"
	case q.search && !q.from:
		what = fmt.Sprintf("exactly one of FROMMEMBER or FROMLONLAT can be specified for %s", c.Args[0])
	case q.search && !q.within:
		what = fmt.Sprintf("exactly one of BYRADIUS and BYBOX can be specified for %s", c.Args[0])
	case q.any && q.count == 0:
		what = "the ANY argument requires COUNT argument"
	default:
		return true
	}
	c.Out.Error("ERR " + what)
	return false
}

// find collects the places in the shape; with ANY, no more than asked for.
func (q *geoQuery) find(c *Context, names *byteList) (found []place) {
	key := c.Args[q.src]
	q.shape.boxes(func(b geoBox) bool {
		lo, hi := b.scores()
		from, to := ranks(c, key, &scoreRange{min: lo, max: hi, maxOpen: true})
		more := true
		_ = c.Tx.ZSetRange(key, from, to, false, func(member []byte, score float64) bool {
			lon, lat := geoDecode(score)
			if d, ok := q.shape.contains(lon, lat); ok {
				found = append(found, place{len(names.ends), score, d, lon, lat})
				names.add(member)
			}
			more = !q.any || int64(len(found)) < q.count
			return more
		})
		return more
	})
	return found
}

func (q *geoQuery) replyNothing(c *Context) {
	if q.dst == nil {
		c.Out.Array(0)
		return
	}
	if c.Tx.Delete(q.dst) {
		c.eventDel(q.dst)
	}
	c.Out.Int(0)
}

func (q *geoQuery) replyPlaces(c *Context, found []place, names [][]byte) {
	parts := 1
	for _, on := range []bool{q.dist, q.hash, q.coord} {
		if on {
			parts++
		}
	}
	c.Out.Array(len(found))
	for i := range found {
		p := &found[i]
		if parts > 1 {
			c.Out.Array(parts)
		}
		c.Out.Bulk(names[p.member])
		if q.dist {
			replyDistance(c, p.distance/q.shape.unit)
		}
		if q.hash {
			c.Out.Int(int64(p.score))
		}
		if q.coord {
			replyPoint(c, p.lon, p.lat)
		}
	}
}

func (q *geoQuery) storePlaces(c *Context, found []place, names [][]byte) {
	var list memberList
	for i := range found {
		score := found[i].score
		if q.storeDist {
			score = found[i].distance / q.shape.unit
		}
		list.add(names[found[i].member], score)
	}
	name := "georadiusstore"
	if c.Cmd.Name == "geosearchstore" {
		name = c.Cmd.Name
	}
	list.store(c, q.dst, name)
}
