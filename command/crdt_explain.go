package command

import (
	"fmt"
	"time"

	"crdb/crdt"
)

// typeNames are the names TYPE prints. A HyperLogLog says what it is.
var typeNames = map[crdt.Type]string{
	crdt.TypeString: "string", crdt.TypeSet: "set", crdt.TypeHash: "hash", crdt.TypeList: "list",
	crdt.TypeZSet: "zset", crdt.TypeStream: "stream", crdt.TypeHLL: "hyperloglog",
}

// crdtExplain replies a map, or null if the key or element does not show.
func crdtExplain(c *Context) {
	if len(c.Args) > 3 {
		c.Out.Error(msgSyntax)
		return
	}
	var elem []byte
	if len(c.Args) == 3 {
		elem = c.Args[2]
	}
	found := c.Tx.Explain(c.Args[1], elem, func(x *crdt.Explanation) {
		e := explainer{c: c, x: x}
		c.Out.Map(6)
		e.text("type", typeNames[x.Type])
		e.text("why", e.why())
		e.types()
		e.values()
		e.counters()
		e.deadlines()
	})
	if !found {
		c.Out.Null()
	}
}

// explainer writes one Explanation.
type explainer struct {
	c *Context
	x *crdt.Explanation
}

func (e *explainer) text(name, value string) {
	e.c.Out.BulkString(name)
	e.c.Out.BulkString(value)
}

// written says who issued an operation, and when: four fields.
func (e *explainer) written(d crdt.Dot) {
	e.c.Out.BulkString("replica")
	e.c.Out.Int(int64(d.Replica))
	e.text("region", e.c.Server.regionOf(d.Replica))
	e.text("time", time.UnixMilli(d.Time.Millis()).UTC().Format("2006-01-02T15:04:05.000Z"))
	e.text("dot", d.String())
}

const writtenFields = 4

// why says in words why what shows is shown.
func (e *explainer) why() string {
	x := e.x
	switch {
	case len(x.Types) > 1:
		return fmt.Sprintf("%d types were created at once; the newest write is to the %s", len(x.Types), typeNames[x.Type])
	case len(x.Dots) > 1:
		return fmt.Sprintf("%d adds of the member are live; each of them alone would keep it", len(x.Dots))
	case x.Cell == nil:
		return "nothing has been written at the same time"
	case len(x.Cell.Siblings) > 1:
		return fmt.Sprintf("%d values were written at once; the newest shows, the others stay until a write has seen them", len(x.Cell.Siblings))
	case e.adding() > 0 && len(x.Cell.Siblings) == 0:
		return "nothing but increments: the sum of what each region has added"
	case e.adding() > 0:
		return "the value written, plus what each region has added since"
	}
	return "it is the only value"
}

// adding counts the counter shares that add something.
func (e *explainer) adding() (n int) {
	if e.x.Cell == nil {
		return 0
	}
	for i := range e.x.Cell.Shares {
		if !e.x.Cell.Shares[i].Removed() {
			n++
		}
	}
	return n
}

func (e *explainer) types() {
	e.c.Out.BulkString("types")
	e.c.Out.Array(len(e.x.Types))
	for i, t := range e.x.Types {
		e.c.Out.Map(3 + writtenFields)
		e.text("type", typeNames[t.Type])
		e.shown(i == 0)
		e.c.Out.BulkString("elements")
		e.c.Out.Int(int64(t.Len))
		e.written(t.Newest)
	}
}

func (e *explainer) shown(is bool) {
	e.c.Out.BulkString("shown")
	e.c.Out.Bool(is)
}

// values lists the siblings of a register, or the live adds of a set's member.
func (e *explainer) values() {
	out := e.c.Out
	out.BulkString("values")
	if e.x.Cell == nil {
		out.Array(len(e.x.Dots))
		for _, d := range e.x.Dots {
			out.Map(1 + writtenFields)
			e.shown(true)
			e.written(d)
		}
		return
	}
	out.Array(len(e.x.Cell.Siblings))
	for i := range e.x.Cell.Siblings {
		s := &e.x.Cell.Siblings[i]
		out.Map(2 + writtenFields)
		out.BulkString("value")
		if e.x.Type == crdt.TypeZSet {
			out.Double(s.Score())
		} else {
			out.Bulk(s.Value)
		}
		e.shown(i == 0)
		e.written(s.Dot)
	}
}

// counters lists what each region has added, and not had removed since.
func (e *explainer) counters() {
	out := e.c.Out
	out.BulkString("counters")
	out.Array(e.adding())
	if e.x.Cell == nil {
		return
	}
	for i := range e.x.Cell.Shares {
		s := &e.x.Cell.Shares[i]
		if s.Removed() {
			continue
		}
		out.Map(1 + writtenFields)
		out.BulkString("adds")
		if e.x.Type == crdt.TypeZSet {
			out.Double(s.Adds().Double())
		} else {
			out.Bulk(s.Adds().Append(nil))
		}
		e.written(crdt.Dot{Time: s.Last, Replica: s.Replica})
	}
}

// deadlines lists the deadlines of the key; the longest counts.
func (e *explainer) deadlines() {
	out := e.c.Out
	out.BulkString("deadlines")
	longest := 0
	for i, d := range e.x.Deadlines {
		if at := e.x.Deadlines[longest].At; at != 0 && (d.At == 0 || d.At > at) {
			longest = i
		}
	}
	out.Array(len(e.x.Deadlines))
	for i, d := range e.x.Deadlines {
		out.Map(2 + writtenFields)
		out.BulkString("unix-time-milliseconds")
		if d.At == 0 {
			out.Int(-1)
		} else {
			out.Int(d.At)
		}
		out.BulkString("counts")
		out.Bool(i == longest)
		e.written(d.Dot)
	}
}

// regionOf names the region of a replica, "unknown" if it is no member (any
// more).
func (srv *Server) regionOf(r crdt.ReplicaID) string {
	if r == srv.opts.Replica {
		return srv.opts.Region
	}
	for _, l := range srv.repl.Links() {
		if l.Replica == r {
			return l.Region
		}
	}
	return "unknown"
}
