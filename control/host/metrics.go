package host

import (
	"runtime/metrics"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"crdb/engine"
	"crdb/peer"
)

// metric is one kind of sample.
type metric struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
}

func gauge(name, help string, labels ...string) metric {
	return metric{prometheus.NewDesc(name, help, labels, nil), prometheus.GaugeValue}
}

func counter(name, help string, labels ...string) metric {
	return metric{prometheus.NewDesc(name, help, labels, nil), prometheus.CounterValue}
}

// send sends one sample.
func (m metric) send(ch chan<- prometheus.Metric, v float64, labels ...string) {
	ch <- prometheus.MustNewConstMetric(m.desc, m.kind, v, labels...)
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

var (
	redisUp     = gauge("redis_up", "Always 1: the node answers.")
	redisMemory = gauge("redis_memory_used_bytes", "Memory of live and not yet collected objects of the process.")

	openSeconds     = gauge("crdb_open_duration_seconds", "Time to open the database at the last start.", "database")
	recoverySeconds = gauge("crdb_recovery_duration_seconds", "Time to recover the keyspace at the last start.", "database")
	recoveryKeys    = gauge("crdb_recovery_keys", "Keys loaded from the checkpoint at the last start.", "database")
	recoveryOps     = gauge("crdb_recovery_replayed_ops", "Ops of the log replayed at the last start.", "database")

	checkpoints       = counter("crdb_checkpoints_total", "Checkpoints written.", "database")
	checkpointErrors  = counter("crdb_checkpoint_errors_total", "Checkpoints that failed.", "database")
	checkpointSeconds = counter("crdb_checkpoint_seconds_total", "Time spent on checkpoints.", "database")
	checkpointBytes   = counter("crdb_checkpoint_bytes_total", "Bytes written by checkpoints.", "database")

	remoteOps    = counter("crdb_remote_ops_applied_total", "Ops of other regions applied here.", "database")
	remoteBlocks = counter("crdb_remote_blocks_applied_total", "Blocks of other regions applied here.", "database")
	residues     = gauge("crdb_residues", "Removed keys of which a part is kept until its removal is causally stable.", "database")

	logBytes     = gauge("crdb_log_bytes", "Size of the blocks kept, of all regions.", "database")
	logDisk      = gauge("crdb_log_disk_bytes", "Size of the store on disk: log, checkpoint, and garbage.", "database")
	logPending   = gauge("crdb_log_pending_bytes", "Bytes not on disk yet, by origin.", "database", "origin")
	logCache     = gauge("crdb_log_cache_bytes", "Recent blocks kept in memory for other regions.", "database")
	logBlocks    = counter("crdb_log_blocks_total", "Blocks written, own and received.", "database")
	logOps       = counter("crdb_log_ops_total", "Own ops written.", "database")
	logWritten   = counter("crdb_log_written_bytes_total", "Bytes of blocks written.", "database")
	logRetention = gauge("crdb_log_over_retention", "Whether the log is larger than log-retention because a region has not acknowledged it.", "database")
	logBudget    = gauge("crdb_log_budget_bytes", "log-retention: how much log may be kept for regions that are away; 0: no limit.", "database")
	logKept      = gauge("crdb_log_kept_bytes", "Bytes of log that a region has not acknowledged.", "database", "peer")
	logCuts      = counter("crdb_log_cuts_total", "How often the log was cut at its budget before all regions had it.", "database")
	catchingUp   = gauge("crdb_catching_up", "Whether the instance has joined and is not complete yet.", "database")
	transferOn   = gauge("crdb_transfer_active", "Whether a state transfer to this instance is under way.", "database")
	transferPart = gauge("crdb_transfer_percent", "How far the last state transfer to this instance has come.", "database")
	transferSize = gauge("crdb_transfer_bytes", "Bytes of the last state transfer to this instance.", "database")
	transferRate = gauge("crdb_transfer_bytes_per_second", "Speed of the state transfer under way.", "database")
	transferKeys = counter("crdb_transfer_keys_total", "Keys merged by state transfers.", "database")
	logRefusing  = gauge("crdb_log_refusing_writes", "Whether the log refuses writes of clients now: the disk, the clock, or the instance may not go on; health-report says which.", "database")
	clockAhead   = gauge("crdb_clock_ahead_seconds", "How far the last timestamp is ahead of the wall clock.", "database")
)

// Collect is part of control.Host.
func (h *Host) Collect(ch chan<- prometheus.Metric) {
	redisUp.send(ch, 1)
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	redisMemory.send(ch, float64(sample[0].Value.Uint64()))
	if h.gossip != nil {
		h.gossip.collect(ch)
	}
}

// Collect is part of control.Instance.
func (i *instance) Collect(ch chan<- prometheus.Metric) {
	i.life.RLock()
	defer i.life.RUnlock()
	if i.closed {
		return
	}
	i.collectLog(ch)
	e := i.engine.Stats()
	i.collectEngine(ch, e)
	i.collectKeys(ch, e)
	i.collectCommands(ch)
	i.collectTransfer(ch, e)
	for _, l := range i.repl.Links() {
		if l.Member {
			collectLink(ch, i.spec.Name, l)
		}
	}
}

func (i *instance) collectLog(ch chan<- prometheus.Metric) {
	db, s := i.spec.Name, i.log.Stats()
	logBytes.send(ch, float64(s.Bytes), db)
	logDisk.send(ch, float64(i.log.DiskBytes()), db)
	logPending.send(ch, float64(s.PendingBytes), db, "own")
	logPending.send(ch, float64(s.ReceiveBytes), db, "received")
	logCache.send(ch, float64(s.CacheBytes), db)
	logBlocks.send(ch, float64(s.Blocks), db)
	logOps.send(ch, float64(s.Ops), db)
	logWritten.send(ch, float64(s.BytesWritten), db)
	logRetention.send(ch, truth(s.OverRetention), db)
	logRefusing.send(ch, truth(s.Refusing != nil), db)
	clockAhead.send(ch, max(0, seconds(s.ClockAhead)), db)
	i.commits.Collect(ch)
}

func (i *instance) collectTransfer(ch chan<- prometheus.Metric, s engine.Stats) {
	db, r, t := i.spec.Name, i.repl.Retention(), i.repl.Transfer()
	logBudget.send(ch, float64(r.Budget), db)
	logCuts.send(ch, float64(r.Cuts), db)
	for _, k := range r.Kept {
		logKept.send(ch, float64(k.Bytes), db, k.Region)
	}
	catchingUp.send(ch, truth(i.repl.AwaitsBase()), db)
	transferOn.send(ch, truth(t.Active), db)
	transferPart.send(ch, t.Percent, db)
	transferSize.send(ch, float64(t.Bytes), db)
	transferRate.send(ch, t.Rate, db)
	transferKeys.send(ch, float64(s.MergedKeys), db)
}

func (i *instance) collectEngine(ch chan<- prometheus.Metric, s engine.Stats) {
	db := i.spec.Name
	openSeconds.send(ch, seconds(i.begun), db)
	recoverySeconds.send(ch, s.RecoverySeconds, db)
	recoveryKeys.send(ch, float64(s.RecoveredKeys), db)
	recoveryOps.send(ch, float64(s.ReplayedOps), db)
	checkpoints.send(ch, float64(s.Checkpoints), db)
	checkpointErrors.send(ch, float64(s.CheckpointErrors), db)
	checkpointSeconds.send(ch, s.CheckpointSeconds, db)
	checkpointBytes.send(ch, float64(s.CheckpointBytes), db)
	remoteOps.send(ch, float64(s.RemoteOps), db)
	remoteBlocks.send(ch, float64(s.RemoteBlocks), db)
	residues.send(ch, float64(s.Residues), db)
}

var (
	keysDesc     = gauge("redis_db_keys", "Keys, by logical database.", "database", "db")
	expiringDesc = gauge("redis_db_keys_expiring", "Keys with a deadline, by logical database.", "database", "db")
	hits         = counter("redis_keyspace_hits_total", "Lookups of keys by reading commands that found one.", "database")
	misses       = counter("redis_keyspace_misses_total", "Lookups of keys by reading commands that found none.", "database")
	expired      = counter("redis_expired_keys_total", "Keys this instance deleted at their deadline.", "database")
	evicted      = counter("redis_evicted_keys_total", "Keys evicted for want of memory.", "database")
)

func (i *instance) collectKeys(ch chan<- prometheus.Metric, s engine.Stats) {
	db := i.spec.Name
	hits.send(ch, float64(s.Hits), db)
	misses.send(ch, float64(s.Misses), db)
	expired.send(ch, float64(s.Expired), db)
	evicted.send(ch, float64(s.Evicted), db)
	tx := i.engine.NewTx()
	tx.LockNone(i.host.wall())
	defer tx.Unlock()
	for n := range engine.Databases {
		if keys := tx.LenOf(n); keys > 0 || n == 0 {
			keysDesc.send(ch, float64(keys), db, "db"+strconv.Itoa(n))
			expiringDesc.send(ch, float64(tx.ExpiresOf(n)), db, "db"+strconv.Itoa(n))
		}
	}
}

var (
	peerUp      = gauge("crdb_peer_up", "Whether the link from a region is connected.", "database", "region")
	peerAlarm   = gauge("crdb_peer_alarm", "Whether the link from a region is stopped by an error that needs a person.", "database", "region")
	lagSeconds  = gauge("crdb_replication_lag_seconds", "Age of the newest state of a region that is known to be here.", "database", "region")
	lagOps      = gauge("crdb_replication_lag_ops", "Ops of a region that are not applied here yet.", "database", "region")
	lagBytes    = gauge("crdb_replication_lag_bytes", "Bytes of a region's log that are not applied here yet.", "database", "region")
	waitSeconds = gauge("crdb_replication_pending_seconds", "Age of the newest state of this region that a region holds on disk.", "database", "region")
	waitOps     = gauge("crdb_replication_pending_ops", "Own ops that a region has not acknowledged.", "database", "region")
	waitBytes   = gauge("crdb_replication_pending_bytes", "Own bytes of log that a region has not acknowledged.", "database", "region")
	heldBlocks  = gauge("crdb_replication_held_blocks", "Blocks of a region that wait for others or for the clock.", "database", "region")
	heldBytes   = gauge("crdb_replication_held_bytes", "Size of the blocks of a region that wait.", "database", "region")
	heldClock   = gauge("crdb_replication_held_by_clock", "Whether blocks of a region wait because their stamps are too far ahead.", "database", "region")
	heldAhead   = gauge("crdb_replication_held_ahead_seconds", "How far the first block of a region that waits for the clock is ahead of it.", "database", "region")
	heldStuck   = gauge("crdb_replication_held_stuck", "Whether blocks of a region wait for operations of others that no region sends.", "database", "region")
	offset      = gauge("crdb_clock_offset_seconds", "How far a region's clock is ahead of this one.", "database", "region")
	roundTrip   = gauge("crdb_peer_round_trip_seconds", "Time of a message to a region and back.", "database", "region")
	peerOps     = counter("crdb_replication_ops_total", "Ops that went over a link.", "database", "region", "direction")
	peerBlocks  = counter("crdb_replication_blocks_total", "Blocks that went over a link.", "database", "region", "direction")
	peerRaw     = counter("crdb_replication_block_bytes_total", "Bytes of blocks that went over a link, before compression.", "database", "region", "direction")
	peerWire    = counter("crdb_replication_wire_bytes_total", "Bytes of blocks that went over a link, as they travel.", "database", "region", "direction")
	peerPublish = counter("crdb_replication_publishes_total", "Messages of PUBLISH that went over a link.", "database", "region", "direction")
	peerDropped = counter("crdb_replication_publishes_dropped_total", "Messages of PUBLISH that a slow link dropped.", "database", "region")
)

func collectLink(ch chan<- prometheus.Metric, db string, l peer.LinkStatus) {
	r := l.Region
	peerUp.send(ch, truth(l.In.State == peer.StateConnected), db, r)
	peerAlarm.send(ch, truth(l.In.Alarm), db, r)
	lagSeconds.send(ch, l.In.Lag.Seconds, db, r)
	lagOps.send(ch, float64(l.In.Lag.Ops), db, r)
	lagBytes.send(ch, float64(l.In.Lag.Bytes), db, r)
	waitSeconds.send(ch, l.Out.Lag.Seconds, db, r)
	waitOps.send(ch, float64(l.Out.Lag.Ops), db, r)
	waitBytes.send(ch, float64(l.Out.Lag.Bytes), db, r)
	heldBlocks.send(ch, float64(l.In.HeldBlocks), db, r)
	heldBytes.send(ch, float64(l.In.HeldBytes), db, r)
	heldClock.send(ch, truth(l.In.HeldByClock), db, r)
	heldAhead.send(ch, seconds(l.In.HeldAhead), db, r)
	heldStuck.send(ch, truth(l.In.Stuck != nil), db, r)
	offset.send(ch, seconds(l.ClockOffset), db, r)
	roundTrip.send(ch, seconds(l.RoundTrip), db, r)
	peerDropped.send(ch, float64(l.Out.PublishDropped), db, r)
	for direction, t := range map[string]peer.Traffic{"in": l.In.Traffic, "out": l.Out.Traffic} {
		peerOps.send(ch, float64(t.Ops), db, r, direction)
		peerBlocks.send(ch, float64(t.Blocks), db, r, direction)
		peerRaw.send(ch, float64(t.RawBytes), db, r, direction)
		peerWire.send(ch, float64(t.WireBytes), db, r, direction)
		peerPublish.send(ch, float64(t.Publishes), db, r, direction)
	}
}
