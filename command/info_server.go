package command

import (
	"fmt"
	"runtime"
	"strings"
)

func infoServer(c *Context, t *infoText) {
	srv := c.Server
	p := srv.opts.Process()
	uptime := max(c.S.now-srv.started, 0) / 1000
	t.text("redis_version", redisVersion)
	t.text("redis_git_sha1", "00000000")
	t.text("redis_git_dirty", "0")
	t.text("redis_build_id", "0000000000000000")
	t.text("redis_mode", "standalone")
	t.text("crdb_version", srv.opts.Version)
	t.text("crdb_region", srv.opts.Region)
	t.text("crdb_database", srv.opts.Database)
	t.text("os", p.OS+" "+runtime.GOARCH)
	t.num("arch_bits", 32<<(^uint(0)>>63))
	t.text("monotonic_clock", "POSIX clock_gettime")
	t.text("multiplexing_api", "epoll")
	t.text("atomicvar_api", "go-atomic")
	t.text("gcc_version", "0.0.0")
	t.text("go_version", runtime.Version())
	t.num("process_id", int64(p.PID))
	t.text("process_supervised", "no")
	t.text("run_id", srv.runID)
	t.num("tcp_port", srv.config.Int("port"))
	t.num("server_time_usec", srv.opts.Micros())
	t.num("uptime_in_seconds", uptime)
	t.num("uptime_in_days", uptime/86400)
	t.num("hz", srv.config.Int("hz"))
	t.num("configured_hz", srv.config.Int("hz"))
	t.num("lru_clock", c.S.now/1000&(1<<24-1))
	t.text("executable", p.Executable)
	t.text("config_file", srv.opts.ConfigFile)
	t.num("io_threads_active", 0)
}

func infoClients(c *Context, t *infoText) {
	srv := c.Server
	t.num("connected_clients", int64(srv.sessions.len()))
	t.num("cluster_connections", 0)
	t.num("maxclients", srv.config.Int("maxclients"))
	var in, out int64
	for _, s := range srv.sessions.snapshot() {
		st := s.info.state()
		in, out = max(in, int64(st.unread)), max(out, int64(st.pending))
	}
	t.num("client_recent_max_input_buffer", in)
	t.num("client_recent_max_output_buffer", out)
	t.num("blocked_clients", int64(srv.sessions.blocked()))
	t.num("tracking_clients", int64(srv.tracking.counts().clients))
	t.zeros("clients_in_timeout_table")
}

func infoMemory(c *Context, t *infoText) {
	srv := c.Server
	m, p := readMemory(), srv.opts.Process()
	srv.usedMemory()
	peak := max(srv.memory.peak.Load(), m.heap)
	clients := srv.clientMemory()
	t.size("used_memory", m.heap)
	t.size("used_memory_rss", p.RSS)
	t.size("used_memory_peak", peak)
	t.text("used_memory_peak_perc", fmt.Sprintf("%.2f%%", 100*ratio(m.heap, peak)))
	t.num("used_memory_overhead", clients)
	t.num("used_memory_startup", 0)
	t.num("used_memory_dataset", m.heap-clients)
	t.text("used_memory_dataset_perc", fmt.Sprintf("%.2f%%", 100*ratio(m.heap-clients, m.heap)))
	t.num("allocator_allocated", m.heap)
	t.num("allocator_active", m.inUse)
	t.num("allocator_resident", m.total)
	t.size("total_system_memory", p.TotalMemory)
	scripts, scriptBytes := srv.scripts.cached()
	t.size("used_memory_lua", 0)
	t.num("used_memory_vm_eval", 0)
	t.num("used_memory_scripts_eval", int64(scriptBytes))
	t.num("number_of_cached_scripts", int64(scripts))
	libs := c.librarySum()
	t.num("number_of_functions", int64(libs.functions))
	t.num("number_of_libraries", int64(libs.libraries))
	t.zeros("used_memory_vm_functions")
	t.size("used_memory_vm_total", 0)
	t.num("used_memory_functions", int64(libs.bytes))
	t.size("used_memory_scripts", int64(scriptBytes+libs.bytes))
	t.size("maxmemory", srv.config.Int("maxmemory"))
	t.text("maxmemory_policy", srv.config.String("maxmemory-policy"))
	t.text("allocator_frag_ratio", fmt.Sprintf("%.2f", ratio(m.inUse, m.heap)))
	t.num("allocator_frag_bytes", m.inUse-m.heap)
	t.text("allocator_rss_ratio", fmt.Sprintf("%.2f", ratio(m.total, m.inUse)))
	t.num("allocator_rss_bytes", m.total-m.inUse)
	t.text("rss_overhead_ratio", fmt.Sprintf("%.2f", ratio(p.RSS, m.total)))
	t.num("rss_overhead_bytes", p.RSS-m.total)
	t.text("mem_fragmentation_ratio", fmt.Sprintf("%.2f", ratio(p.RSS, m.heap)))
	t.num("mem_fragmentation_bytes", p.RSS-m.heap)
	t.zeros("mem_not_counted_for_evict mem_replication_backlog mem_total_replication_buffers mem_clients_slaves")
	t.num("mem_clients_normal", clients)
	t.zeros("mem_cluster_links mem_aof_buffer")
	t.text("mem_allocator", "go")
	t.zeros("active_defrag_running lazyfree_pending_objects lazyfreed_objects")
}

func infoReplication(c *Context, t *infoText) {
	srv := c.Server
	t.text("role", "master")
	t.num("connected_slaves", 0)
	t.text("master_failover_state", "no-failover")
	t.text("master_replid", srv.replID())
	t.text("master_replid2", strings.Repeat("0", 40))
	t.num("master_repl_offset", int64(srv.log.Issued().Time))
	t.text("second_repl_offset", "-1")
	t.zeros("repl_backlog_active")
	t.num("repl_backlog_size", srv.config.Int("repl-backlog-size"))
	t.zeros("repl_backlog_first_byte_offset repl_backlog_histlen")
}

func infoCPU(c *Context, t *infoText) {
	p := c.Server.opts.Process()
	sys, user := fmt.Sprintf("%.6f", p.System.Seconds()), fmt.Sprintf("%.6f", p.User.Seconds())
	t.text("used_cpu_sys", sys)
	t.text("used_cpu_user", user)
	t.text("used_cpu_sys_children", "0.000000")
	t.text("used_cpu_user_children", "0.000000")
	t.text("used_cpu_sys_main_thread", sys)
	t.text("used_cpu_user_main_thread", user)
}

// makeRunID makes the 40 hexadecimal digits that name this run.
func (srv *Server) makeRunID() string {
	r := srv.opts.Rand
	return fmt.Sprintf("%016x%016x%08x", r(), r(), uint32(r()))
}
