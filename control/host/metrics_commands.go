package host

import (
	"github.com/prometheus/client_golang/prometheus"

	"crdb/command"
)

var (
	cmdTotal    = counter("redis_commands_total", "Calls, by command.", "database", "cmd")
	cmdSeconds  = counter("redis_commands_duration_seconds_total", "Time spent in calls, by command.", "database", "cmd")
	cmdFailed   = counter("redis_commands_failed_calls_total", "Calls that failed, by command.", "database", "cmd")
	cmdRejected = counter("redis_commands_rejected_calls_total", "Calls refused before they ran, by command.", "database", "cmd")
	cmdLatency  = prometheus.NewDesc("crdb_command_duration_seconds", "Time of calls, by command.", []string{"database", "cmd"}, nil)
	cmdAll      = counter("redis_commands_processed_total", "Calls of all commands.", "database")

	clients     = gauge("redis_connected_clients", "Connections of clients.", "database")
	blocked     = gauge("redis_blocked_clients", "Clients that wait in a blocking command.", "database")
	maxClients  = gauge("redis_config_maxclients", "Most clients allowed.", "database")
	maxMemory   = gauge("redis_memory_max_bytes", "The setting maxmemory; 0: no limit.", "database")
	connections = counter("redis_connections_received_total", "Connections accepted.", "database")
	refused     = counter("redis_rejected_connections_total", "Connections turned away at maxclients.", "database")
	bytesIn     = counter("redis_net_input_bytes_total", "Bytes read from clients.", "database")
	bytesOut    = counter("redis_net_output_bytes_total", "Bytes written to clients.", "database")
	errorsTotal = counter("redis_errors_total", "Error replies, by code.", "database", "err")
	slowlog     = gauge("redis_slowlog_length", "Entries of the slow log.", "database")
	panics      = counter("crdb_command_panics_total", "Commands that crashed; each ended its connection only.", "database")
	conflicts   = counter("crdb_conflicts_total", "Operations of other regions that met a concurrent one here, by kind of conflict and type.", "database", "conflict", "type")
	outputKills = counter("crdb_client_output_kills_total", "Clients closed because they did not read their replies.", "database")
)

// latencyBuckets are the buckets of the server's fine histogram at which the
// exported one ends a bucket: every second power of two from 2 us to 8 s.
var latencyBuckets = []int{11, 19, 27, 35, 43, 51, 59, 67, 75, 83, 91, 99}

func (i *instance) collectCommands(ch chan<- prometheus.Metric) {
	db, s := i.spec.Name, i.commands.Stats()
	clients.send(ch, float64(s.Clients), db)
	blocked.send(ch, float64(s.Blocked), db)
	maxClients.send(ch, float64(i.config.Int("maxclients")), db)
	maxMemory.send(ch, float64(i.config.Int("maxmemory")), db)
	connections.send(ch, float64(s.Connections), db)
	bytesIn.send(ch, float64(s.BytesIn), db)
	bytesOut.send(ch, float64(s.BytesOut), db)
	slowlog.send(ch, float64(s.SlowlogLen), db)
	panics.send(ch, float64(s.Panics), db)
	outputKills.send(ch, float64(s.OutputKills), db)
	refused.send(ch, float64(i.rejected()), db)
	for _, c := range i.commands.Conflicts() {
		conflicts.send(ch, float64(c.Count), db, c.Conflict, c.Type)
	}
	for code, n := range s.Errors {
		errorsTotal.send(ch, float64(n), db, code)
	}
	calls := uint64(0)
	for _, c := range s.Commands {
		calls += c.Calls
		collectCommand(ch, db, c)
	}
	cmdAll.send(ch, float64(calls), db)
}

func collectCommand(ch chan<- prometheus.Metric, db string, c command.CommandStats) {
	cmdTotal.send(ch, float64(c.Calls), db, c.Name)
	cmdSeconds.send(ch, float64(c.Nanos)/1e9, db, c.Name)
	cmdFailed.send(ch, float64(c.Failed), db, c.Name)
	cmdRejected.send(ch, float64(c.Rejected), db, c.Name)
	ch <- prometheus.MustNewConstHistogram(cmdLatency, c.Calls, float64(c.Nanos)/1e9, buckets(c.Hist[:]), db, c.Name)
}

// buckets sums up the fine histogram to the exported one.
func buckets(fine []uint64) map[float64]uint64 {
	out := make(map[float64]uint64, len(latencyBuckets))
	sum, next := uint64(0), 0
	for b, n := range fine {
		sum += n
		if next < len(latencyBuckets) && b == latencyBuckets[next] {
			out[float64(command.BucketBound(b))/1e9] = sum
			next++
		}
	}
	return out
}
