package command

import (
	"fmt"
	"strconv"
	"strings"

	"crdb/engine"
)

// infoText builds the lines of INFO.
type infoText struct{ strings.Builder }

func (t *infoText) num(key string, n int64) { t.text(key, strconv.FormatInt(n, 10)) }

func (t *infoText) text(key, value string) {
	t.WriteString(key)
	t.WriteByte(':')
	t.WriteString(value)
	t.WriteString("\r\n")
}

// flag writes 1 for yes and 0 for no.
func (t *infoText) flag(key string, yes bool) {
	n := int64(0)
	if yes {
		n = 1
	}
	t.num(key, n)
}

// zeros writes fields that are always zero here; tools look for them.
func (t *infoText) zeros(keys string) {
	for _, k := range strings.Fields(keys) {
		t.num(k, 0)
	}
}

// size writes a number of bytes, and again for people.
func (t *infoText) size(key string, n int64) {
	t.num(key, n)
	t.text(key+"_human", human(n))
}

// human writes bytes as Redis does: 0B, 1.81M, 23.54G.
func human(n int64) string {
	if n < 1<<10 {
		return strconv.FormatInt(n, 10) + "B"
	}
	f, unit := float64(n), 0
	for f >= 1<<10 && unit < 5 {
		f /= 1 << 10
		unit++
	}
	return fmt.Sprintf("%.2f%c", f, "BKMGTP"[unit])
}

// infoSection is one section of INFO. Some show only when asked for.
type infoSection struct {
	name  string
	title string
	extra bool
	write func(c *Context, t *infoText)
}

var infoSections = []infoSection{
	{"server", "Server", false, infoServer},
	{"clients", "Clients", false, infoClients},
	{"memory", "Memory", false, infoMemory},
	{"persistence", "Persistence", false, infoPersistence},
	{"stats", "Stats", false, infoStats},
	{"replication", "Replication", false, infoReplication},
	{"cpu", "CPU", false, infoCPU},
	{"modules", "Modules", false, func(*Context, *infoText) {}},
	{"commandstats", "Commandstats", true, infoCommandStats},
	{"errorstats", "Errorstats", false, infoErrorStats},
	{"latencystats", "Latencystats", true, infoLatencyStats},
	{"cluster", "Cluster", false, func(_ *Context, t *infoText) { t.num("cluster_enabled", 0) }},
	{"keyspace", "Keyspace", false, infoKeyspace},
	{"crdt", "CRDT", false, infoCRDT},
}

// info writes the sections asked for; unknown names are ignored, as in Redis.
func info(c *Context) {
	all, normal := false, len(c.Args) == 1
	asked := make(map[string]bool)
	for _, a := range c.Args[1:] {
		switch name := strings.ToLower(string(a)); name {
		case "all", "everything":
			all = true
		case "default":
			normal = true
		default:
			asked[name] = true
		}
	}
	var t infoText
	for _, sec := range infoSections {
		if !all && !(normal && !sec.extra) && !asked[sec.name] {
			continue
		}
		if t.Len() > 0 {
			t.WriteString("\r\n")
		}
		t.WriteString("# " + sec.title + "\r\n")
		sec.write(c, &t)
	}
	c.Out.Verbatim("txt", t.String())
}

// engineStats returns the engine's counts. Reading them locks every partition,
// which EXEC holds already: there it returns what was read last.
func (c *Context) engineStats() engine.Stats {
	srv := c.Server
	if c.S.mode&modeExec == 0 {
		st := srv.engine.Stats()
		srv.engStats.Store(&st)
	}
	if st := srv.engStats.Load(); st != nil {
		return *st
	}
	return engine.Stats{}
}
