package command

import (
	"fmt"
	"sort"
	"strconv"
	"sync"

	"crdb/engine"
)

func infoStats(c *Context, t *infoText) {
	srv := c.Server
	st, eng := srv.Stats(), c.engineStats()
	commands := st.calls()
	ops, in, out := srv.stats.rate.per(srv.opts.Now(), commands, st.BytesIn, st.BytesOut)
	t.num("total_connections_received", int64(st.Connections))
	t.num("total_commands_processed", int64(commands))
	t.num("instantaneous_ops_per_sec", int64(ops))
	t.num("total_net_input_bytes", int64(st.BytesIn))
	t.num("total_net_output_bytes", int64(st.BytesOut))
	t.zeros("total_net_repl_input_bytes total_net_repl_output_bytes")
	t.text("instantaneous_input_kbps", fmt.Sprintf("%.2f", in/1024))
	t.text("instantaneous_output_kbps", fmt.Sprintf("%.2f", out/1024))
	t.text("instantaneous_input_repl_kbps", "0.00")
	t.text("instantaneous_output_repl_kbps", "0.00")
	t.num("rejected_connections", srv.rejectedConnections())
	t.zeros("sync_full sync_partial_ok sync_partial_err")
	t.num("expired_keys", eng.Expired)
	t.num("expired_subkeys", eng.ExpiredFields)
	t.text("expired_stale_perc", "0.00")
	t.zeros("expired_time_cap_reached_count expire_cycle_cpu_milliseconds")
	t.num("evicted_keys", eng.Evicted)
	t.num("evicted_clients", srv.evictedClients.Load())
	t.zeros("total_eviction_exceeded_time current_eviction_exceeded_time")
	t.num("keyspace_hits", eng.Hits)
	t.num("keyspace_misses", eng.Misses)
	t.num("pubsub_channels", int64(srv.pubsub.NumChannels()))
	t.num("pubsub_patterns", int64(srv.pubsub.NumPat()))
	t.num("pubsubshard_channels", int64(srv.shards.NumChannels()))
	t.zeros("latest_fork_usec total_forks migrate_cached_sockets slave_expires_tracked_keys")
	t.zeros("active_defrag_hits active_defrag_misses active_defrag_key_hits active_defrag_key_misses total_active_defrag_time current_active_defrag_time")
	tracks := srv.tracking.counts()
	t.num("tracking_total_keys", int64(tracks.keys))
	t.num("tracking_total_items", int64(tracks.items))
	t.num("tracking_total_prefixes", int64(tracks.prefixes))
	t.num("unexpected_error_replies", int64(srv.stats.panics.Load()))
	t.num("total_error_replies", int64(st.ErrorTotal))
	t.zeros("dump_payload_sanitizations")
	t.num("total_reads_processed", int64(st.Reads))
	t.num("total_writes_processed", int64(st.Writes))
	t.zeros("io_threaded_reads_processed io_threaded_writes_processed reply_buffer_shrinks reply_buffer_expands")
	t.num("acl_access_denied_auth", int64(srv.stats.authFailures.Load()))
	t.num("acl_access_denied_cmd", srv.acl.log.denials(deniedCommand))
	t.num("acl_access_denied_key", srv.acl.log.denials(deniedKey))
	t.num("acl_access_denied_channel", srv.acl.log.denials(deniedChannel))
	t.num("client_output_buffer_limit_disconnections", int64(st.OutputKills))
}

// calls sums up the calls of all commands.
func (st *Stats) calls() (n uint64) {
	for i := range st.Commands {
		n += st.Commands[i].Calls
	}
	return n
}

// rates turns totals into speeds: between one INFO and another at least a
// second before it.
type rates struct {
	mu          sync.Mutex
	at          int64 // monotonic nanoseconds
	last        [3]uint64
	ops, in, ou float64
}

func (r *rates) per(now int64, totals ...uint64) (ops, in, out float64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	secs := float64(now-r.at) / 1e9
	if r.at == 0 || secs >= 1 {
		var speed [3]float64
		for i, total := range totals {
			if r.at != 0 && total >= r.last[i] {
				speed[i] = float64(total-r.last[i]) / secs
			}
			r.last[i] = total
		}
		r.at, r.ops, r.in, r.ou = now, speed[0], speed[1], speed[2]
	}
	return r.ops, r.in, r.ou
}

func infoCommandStats(c *Context, t *infoText) {
	for _, s := range c.Server.Stats().Commands {
		micros := s.Nanos / 1000
		perCall := 0.0
		if s.Calls > 0 {
			perCall = float64(s.Nanos) / 1000 / float64(s.Calls)
		}
		t.text("cmdstat_"+s.Name, fmt.Sprintf("calls=%d,usec=%d,usec_per_call=%.2f,rejected_calls=%d,failed_calls=%d",
			s.Calls, micros, perCall, s.Rejected, s.Failed))
	}
}

func infoErrorStats(c *Context, t *infoText) {
	errs := c.Server.Stats().Errors
	codes := make([]string, 0, len(errs))
	for code := range errs {
		codes = append(codes, code)
	}
	sort.Strings(codes)
	for _, code := range codes {
		t.text("errorstat_"+code, fmt.Sprintf("count=%d", errs[code]))
	}
}

func infoLatencyStats(c *Context, t *infoText) {
	if !c.S.set.latency {
		return
	}
	for _, s := range c.Server.Stats().Commands {
		if s.Calls == 0 {
			continue
		}
		line := ""
		for i, p := range c.S.set.percentiles {
			if i > 0 {
				line += ","
			}
			line += "p" + strconv.FormatFloat(p, 'f', -1, 64) + "=" + fmt.Sprintf("%.3f", float64(s.Percentile(p))/1000)
		}
		t.text("latency_percentiles_usec_"+s.Name, line)
	}
}

// Percentile returns the latency in nanoseconds that p percent of the calls
// were not above, as exactly as the histogram knows it.
func (s *CommandStats) Percentile(p float64) int64 {
	want := uint64(float64(s.Calls)*p/100 + 0.5)
	var n uint64
	for i := range s.Hist {
		n += s.Hist[i]
		if n >= max(want, 1) {
			return BucketBound(i)
		}
	}
	return 0
}

func infoKeyspace(c *Context, t *infoText) {
	mean := c.Tx.MeanTTL()
	for db := range engine.Databases {
		if n := c.Tx.LenOf(db); n > 0 {
			t.text("db"+strconv.Itoa(db), fmt.Sprintf("keys=%d,expires=%d,avg_ttl=%d", n, c.Tx.ExpiresOf(db), mean[db]))
		}
	}
}
