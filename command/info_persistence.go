package command

import "time"

// infoPersistence describes checkpoints in the words of dump files, and the log
// in those of an append-only file.
func infoPersistence(c *Context, t *infoText) {
	saved := c.Server.engine.Saved()
	now, next, rewrote := c.Server.saves.state()
	t.zeros("loading async_loading current_cow_peak current_cow_size current_cow_size_age")
	t.text("current_fork_perc", "0.00")
	t.zeros("current_save_keys_processed current_save_keys_total")
	t.num("rdb_changes_since_last_save", saved.Changes)
	t.flag("rdb_bgsave_in_progress", saved.Running >= 0)
	t.num("rdb_last_save_time", saved.At/1000)
	t.text("rdb_last_bgsave_status", okOrErr(!saved.Failed))
	t.num("rdb_last_bgsave_time_sec", wholeSeconds(saved.Took))
	t.num("rdb_current_bgsave_time_sec", wholeSeconds(saved.Running))
	t.num("rdb_saves", saved.Count)
	t.zeros("rdb_last_cow_size rdb_last_load_keys_expired")
	t.num("rdb_last_load_keys_loaded", saved.Loaded)
	t.num("aof_enabled", 1)
	t.flag("aof_rewrite_in_progress", now&saveRewrite != 0)
	t.flag("aof_rewrite_scheduled", next&saveRewrite != 0)
	t.num("aof_last_rewrite_time_sec", rewrote.seconds)
	t.num("aof_current_rewrite_time_sec", rewriting(now, saved.Running))
	t.text("aof_last_bgrewrite_status", okOrErr(!rewrote.failed))
	t.num("aof_rewrites", rewrote.count)
	t.num("aof_rewrites_consecutive_failures", rewrote.failures)
	writable := c.Server.log.Admit(c.S.now) == nil || c.S.backlogged()
	t.text("aof_last_write_status", okOrErr(writable))
	t.zeros("aof_last_cow_size module_fork_in_progress module_fork_last_cow_size")
	t.num("aof_current_size", c.Server.log.Bytes())
	t.zeros("aof_base_size aof_pending_rewrite aof_buffer_length aof_pending_bio_fsync aof_delayed_fsync")
}

func okOrErr(ok bool) string {
	if ok {
		return "ok"
	}
	return "err"
}

// wholeSeconds is -1 for what is not there.
func wholeSeconds(d time.Duration) int64 {
	if d < 0 {
		return -1
	}
	return int64(d / time.Second)
}

// rewriting is how long the rewrite that runs has taken, -1 if none does.
func rewriting(now saveKind, running time.Duration) int64 {
	if now&saveRewrite == 0 {
		return -1
	}
	return wholeSeconds(max(running, 0))
}
