package command

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"crdb/engine"
	"crdb/oplog"
	"crdb/resp"
)

// Caps on a client that has not said who it is, besides resp.PreAuth.
const (
	preAuthQuery  = 64 << 10
	preAuthOutput = 64 << 10
	preAuthTime   = 10 * time.Second
)

// maxArgs is the largest number of arguments of one command. Redis allows 2^31-1, but
// what is made of each, here and in the log, is not in what bounds its bytes.
const maxArgs = 1024 * 1024

// What one command writes goes into one block of the log. maxValue, Redis's
// default, bounds a value whatever proto-max-bulk-len allows beyond it, and
// maxCommand a command, and what a MULTI queues, whatever
// client-query-buffer-limit does.
const (
	maxValue   = 512 << 20
	maxCommand = oplog.MaxBlockBytes / 8 * 7
)

// maxInline is the longest inline command.
const maxInline = 64 << 10

// streamIDModes are the values of xadd-id-mode, by engine.StreamIDMode.
var streamIDModes = []string{"liberal", "semi-strict", "strict"}

// settings is the part of the configuration that sessions look at all the
// time. A new one is made at every change; it is never modified.
type settings struct {
	limits      resp.Limits
	preAuth     resp.Limits
	output      [2]OutputLimit // normal, pubsub
	always      bool           // replies wait for the disk
	slowerThan  int64          // nanoseconds; negative: no slow log
	slowlogLen  int
	latency     bool
	monitor     int64 // latency-monitor-threshold, nanoseconds; 0: off
	percentiles []float64
	maxMemory   int64
	maxClients  int64 // bytes of all clients' buffers; 0: no limit
	idMode      engine.StreamIDMode
	eviction    engine.Eviction
	evicts      bool // when over maxMemory
	notify      events
}

// reload makes the settings anew from the configuration.
func (srv *Server) reload() {
	c := srv.config
	st := &settings{
		always:     c.String("appendfsync") == "always",
		slowerThan: c.Int("slowlog-log-slower-than") * 1000,
		slowlogLen: int(c.Int("slowlog-max-len")),
		latency:    c.Bool("latency-tracking"),
		monitor:    c.Int("latency-monitor-threshold") * 1e6,
		maxMemory:  c.Int("maxmemory"),
		notify:     audible(events(c.Int("notify-keyspace-events"))),
		idMode:     engine.StreamIDMode(slices.Index(streamIDModes, c.String("xadd-id-mode"))),
		limits: resp.Limits{
			MaxArgs: maxArgs, MaxInline: maxInline,
			MaxBulk:  int(min(c.Int("proto-max-bulk-len"), maxValue)),
			MaxQuery: int(min(c.Int("client-query-buffer-limit"), maxCommand)),
		},
		preAuth: resp.PreAuth,
	}
	st.preAuth.MaxQuery = preAuthQuery
	srv.acl.requirePass(c.String("requirepass"))
	st.eviction, st.evicts = parsePolicy(c.String("maxmemory-policy"), int(c.Int("maxmemory-samples")))
	srv.noteUsage()
	limits := parseOutputLimits(c.String("client-output-buffer-limit"))
	st.output = [2]OutputLimit{limits["normal"], limits["pubsub"]}
	for _, w := range strings.Fields(c.String("latency-tracking-info-percentiles")) {
		if p, err := strconv.ParseFloat(w, 64); err == nil {
			st.percentiles = append(st.percentiles, p)
		}
	}
	if st.maxClients = c.Int("maxmemory-clients"); st.maxClients < 0 { // a share of maxmemory
		st.maxClients = int64(float64(st.maxMemory) * float64(-st.maxClients) / 100)
	}
	srv.settings.Store(st)
	if st.notify != 0 {
		srv.observe()
	}
	srv.slowlog.resize(st.slowlogLen)
	srv.tracking.trim(srv, int(c.Int("tracking-table-max-keys")))
}
