package command

import "math"

const maxInt32 = math.MaxInt32

// params are the parameters of a database, by topic. Names, defaults and
// bounds are redis.conf's where the meaning is the same.
var params = []Param{
	// Network.
	{Name: "bind", Default: "127.0.0.1", Fixed: true},
	{Name: "port", Default: "6379", Kind: Int, Max: 65535, Fixed: true},
	{Name: "protected-mode", Default: "yes", Kind: Bool},
	{Name: "tcp-backlog", Default: "511", Kind: Int, Max: maxInt32, Immutable: true},
	{Name: "timeout", Default: "0", Kind: Int, Max: maxInt32},
	{Name: "tcp-keepalive", Default: "300", Kind: Int, Max: maxInt32},
	{Name: "unixsocket", Immutable: true},
	{Name: "unixsocketperm", Default: "0", Immutable: true},
	{Name: "tls-port", Default: "0", Kind: Int, Max: 65535, Fixed: true},
	{Name: "tls-cert-file", Immutable: true},
	{Name: "tls-key-file", Immutable: true},
	{Name: "tls-ca-cert-file", Immutable: true},
	{Name: "tls-auth-clients", Default: "yes", Kind: Enum, Words: []string{"no", "yes", "optional"}, Immutable: true},
	{Name: "tls-protocols", Immutable: true},

	// Clients and limits.
	{Name: "maxclients", Default: "10000", Kind: Int, Min: 1, Max: math.MaxUint32},
	{Name: "maxmemory", Default: "0", Kind: Memory},
	{Name: "maxmemory-policy", Default: "noeviction", Kind: Enum, Words: []string{
		"volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl",
		"allkeys-lru", "allkeys-lfu", "allkeys-random", "noeviction"}},
	{Name: "maxmemory-samples", Default: "5", Kind: Int, Min: 1, Max: maxInt32},
	{Name: "lfu-log-factor", Default: "10", Kind: Int, Max: maxInt32},
	{Name: "lfu-decay-time", Default: "1", Kind: Int, Max: maxInt32},
	{Name: "maxmemory-clients", Default: "0", Kind: MemoryOrShare},
	{Name: "client-output-buffer-limit", Kind: OutputLimits,
		Default: "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60"},
	{Name: "client-query-buffer-limit", Default: "1gb", Kind: Memory, Min: 1 << 20, Max: math.MaxInt64},
	{Name: "proto-max-bulk-len", Default: "512mb", Kind: Memory, Min: 1 << 20, Max: math.MaxInt64},
	{Name: "databases", Default: "16", Kind: Int, Min: 1, Max: 16, Immutable: true},

	// Durability and files.
	{Name: "appendonly", Default: "yes", Kind: Bool, Fixed: true},
	{Name: "appendfsync", Default: "everysec", Kind: Enum, Words: []string{"everysec", "always", "no"}},
	{Name: "save", Fixed: true},
	{Name: "dir", Default: ".", Immutable: true},
	{Name: "loglevel", Default: "notice", Kind: Enum, Words: []string{"debug", "verbose", "notice", "warning"}, Fixed: true},
	{Name: "logfile", Immutable: true},

	// Security.
	{Name: "requirepass", Secret: true},
	{Name: "aclfile", Immutable: true},
	{Name: "acllog-max-len", Default: "128", Kind: Int, Max: math.MaxInt64},
	{Name: "acl-pubsub-default", Default: "resetchannels", Kind: Enum, Words: []string{"allchannels", "resetchannels"}},
	{Name: "enable-debug-command", Default: "no", Kind: Enum, Words: []string{"no", "yes", "local"}, Immutable: true},

	{Name: "tracking-table-max-keys", Default: "1000000", Kind: Int, Max: math.MaxInt64},

	// Watching.
	{Name: "slowlog-log-slower-than", Default: "10000", Kind: Int, Min: -1, Max: math.MaxInt64},
	{Name: "slowlog-max-len", Default: "128", Kind: Int, Max: math.MaxInt64},
	{Name: "latency-monitor-threshold", Default: "0", Kind: Int, Max: math.MaxInt64},
	{Name: "latency-tracking", Default: "yes", Kind: Bool},
	{Name: "latency-tracking-info-percentiles", Default: "50 99 99.9", Kind: Percentiles},
	{Name: "notify-keyspace-events", Kind: KeyEvents},

	// Streams.
	{Name: "xadd-id-mode", Default: "liberal", Kind: Enum, Words: streamIDModes},

	// Forms of collections. What is kept in memory does not depend on them, what
	// OBJECT ENCODING says does; and hll-sparse-max-bytes is of the strings themselves.
	{Name: "hash-max-listpack-entries", Alias: "hash-max-ziplist-entries", Default: "512", Kind: Int, Max: math.MaxInt64},
	{Name: "hash-max-listpack-value", Alias: "hash-max-ziplist-value", Default: "64", Kind: Memory, Max: math.MaxInt64},
	{Name: "zset-max-listpack-entries", Alias: "zset-max-ziplist-entries", Default: "128", Kind: Int, Max: math.MaxInt64},
	{Name: "zset-max-listpack-value", Alias: "zset-max-ziplist-value", Default: "64", Kind: Memory, Max: math.MaxInt64},
	{Name: "set-max-intset-entries", Default: "512", Kind: Int, Max: math.MaxInt64},
	{Name: "list-max-listpack-size", Alias: "list-max-ziplist-size", Default: "-2", Kind: Int, Min: math.MinInt32, Max: maxInt32},
	{Name: "list-compress-depth", Default: "0", Kind: Int, Max: maxInt32},
	{Name: "hll-sparse-max-bytes", Default: "3000", Kind: Memory, Max: math.MaxInt64},
	{Name: "stream-node-max-bytes", Default: "4096", Kind: Memory, Fixed: true},
	{Name: "stream-node-max-entries", Default: "100", Kind: Int, Fixed: true},

	// Behaviour.
	{Name: "busy-reply-threshold", Alias: "lua-time-limit", Default: "5000", Kind: Int, Max: math.MaxInt64},
	{Name: "shutdown-timeout", Default: "10", Kind: Int, Max: maxInt32},
	{Name: "hz", Default: "10", Kind: Int, Min: 1, Max: 500, Clamp: true},
	{Name: "activerehashing", Default: "yes", Kind: Bool},
	{Name: "lazyfree-lazy-user-del", Default: "no", Kind: Bool},
	{Name: "lazyfree-lazy-user-flush", Default: "no", Kind: Bool},
	{Name: "lazyfree-lazy-eviction", Default: "no", Kind: Bool},
	{Name: "lazyfree-lazy-expire", Default: "no", Kind: Bool},
	{Name: "lazyfree-lazy-server-del", Default: "no", Kind: Bool},

	// Replication as clients know it: every region is a master.
	{Name: "replica-read-only", Alias: "slave-read-only", Default: "no", Kind: Bool, Fixed: true},
	{Name: "replica-serve-stale-data", Alias: "slave-serve-stale-data", Default: "yes", Kind: Bool, Fixed: true},
	{Name: "min-replicas-to-write", Alias: "min-slaves-to-write", Default: "0", Kind: Int, Fixed: true},
	{Name: "repl-backlog-size", Default: "1mb", Kind: Memory, Fixed: true},
	{Name: "cluster-enabled", Default: "no", Kind: Bool, Immutable: true},
}
