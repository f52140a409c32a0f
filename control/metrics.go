package control

import (
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"crdb/control/api"
)

// This file is /metrics: what the node itself counts, and the collecting of
// what its instances count.

var (
	descBuild     = prometheus.NewDesc("crdb_build_info", "The running program; always 1.", []string{"version", "goversion", "region"}, nil)
	descReady     = prometheus.NewDesc("crdb_ready", "Whether the node serves clients.", nil, nil)
	descStarted   = prometheus.NewDesc("crdb_start_time_seconds", "When the node was started, in Unix time.", nil, nil)
	descDatabases = prometheus.NewDesc("crdb_databases", "Databases with an instance on this node, by state.", []string{"state"}, nil)
	descUnserved  = prometheus.NewDesc("crdb_databases_unserved", "Databases that are open and cannot serve clients, because their port is in use.", nil, nil)
	descChanges   = prometheus.NewDesc("crdb_changes_pending", "Creates, changes and deletes that wait for other nodes.", nil, nil)
	descDiffering = prometheus.NewDesc("crdb_verify_differing_keys", "Keys that differed between regions when this node last compared them; without all regions it does not fall.", []string{"database"}, nil)
	descVerified  = prometheus.NewDesc("crdb_verify_timestamp_seconds", "When this node last compared the regions, in Unix time.", []string{"database"}, nil)

	descVerifySeconds = prometheus.NewDesc("crdb_verify_duration_seconds", "How long that took.", []string{"database"}, nil)

	descTasks = prometheus.NewDesc("crdb_tasks", "Tasks the node remembers, by status.", []string{"status"}, nil)
)

// nodeCollector collects a node's metrics and those of its instances.
type nodeCollector struct{ node *Node }

// Describe sends nothing: which metrics there are depends on the instances.
func (nodeCollector) Describe(chan<- *prometheus.Desc) {}

// Collect is part of prometheus.Collector.
func (c nodeCollector) Collect(ch chan<- prometheus.Metric) {
	n := c.node
	b := api.Version()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	ready := 0.0
	if n.state.Load() == stateReady {
		ready = 1
	}
	gauge(descBuild, 1, b.Version, b.Go, n.opts.Settings.Region)
	gauge(descReady, ready)
	gauge(descStarted, float64(n.begun.UnixMilli())/1000)
	states := map[string]float64{api.StatusPosted: 0, api.StatusCommitted: 0}
	dbs := n.snapshot()
	for _, db := range dbs {
		states[db.record.Status]++
	}
	n.mu.Lock()
	states[api.CodeUnopened] = float64(len(n.mu.unopened))
	unserved := float64(len(n.mu.unserved))
	changes := len(n.mu.notes)
	n.mu.Unlock()
	for s, v := range states {
		gauge(descDatabases, v, s)
	}
	gauge(descUnserved, unserved)
	gauge(descChanges, float64(changes))
	status := map[string]float64{api.TaskQueued: 0, api.TaskStarted: 0, api.TaskFinished: 0, api.TaskFailed: 0}
	for _, t := range n.tasks.list() {
		status[t.Status]++
	}
	for s, v := range status {
		gauge(descTasks, v, s)
	}
	n.mu.Lock()
	for guid, v := range n.mu.verified {
		if db := n.mu.dbs[guid]; db != nil {
			name := db.record.Database.Name
			gauge(descDiffering, float64(v.differing), name)
			gauge(descVerified, float64(v.at.UnixMilli())/1000, name)
			gauge(descVerifySeconds, v.seconds, name)
		}
	}
	n.mu.Unlock()
	n.host.Collect(ch)
	for _, db := range dbs {
		if db.record.Status != api.StatusPosted {
			db.inst.Collect(ch)
		}
	}
}

// metricsHandler answers /metrics.
func (n *Node) metricsHandler() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(nodeCollector{n}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		ErrorLog:            slog.NewLogLogger(n.log.Handler(), slog.LevelWarn),
		ErrorHandling:       promhttp.ContinueOnError,
		MaxRequestsInFlight: 4,
	})
}
