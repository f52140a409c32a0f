package command

import (
	"strings"
	"sync/atomic"

	"crdb/engine"
)

// dataPeriod is how old the measure of the data may be, in nanoseconds;
// evictBatch is how many keys one command evicts at most: if that is not
// enough, the next one goes on. evictPeriod is for how long CONFIG SET evicts, in
// nanoseconds.
const (
	dataPeriod  = 5e6
	evictBatch  = 64
	evictPeriod = 25e6
)

// dataGauge remembers how much memory the data takes. It is what maxmemory is
// compared with: the data and nothing else, so that garbage and buffers that
// come and go evict nothing.
type dataGauge struct {
	read  atomic.Int64 // when, monotonic
	bytes atomic.Int64
}

func (srv *Server) dataBytes() int64 {
	g := &srv.data
	now, last := srv.opts.Now(), g.read.Load()
	if (last == 0 || now-last > dataPeriod) && g.read.CompareAndSwap(last, max(now, 1)) {
		g.bytes.Store(srv.engine.DataBytes())
	}
	return g.bytes.Load()
}

// makeRoom evicts keys until the data fits. It returns false if it does not and
// no key may go. A log that is only behind does not keep keys from going: their
// deletes are small, and no more than what is over the limit. Operations of other
// regions are never refused for want of memory, so that replication goes on when
// clients get errors.
func (s *Session) makeRoom() bool {
	srv, limit := s.srv, s.set.maxMemory
	if srv.dataBytes() <= limit {
		return true
	}
	if !s.set.evicts || srv.refusal(s.now) != nil {
		return false
	}
	for range evictBatch {
		freed, ok := s.tx.Evict(s.now, s.set.eviction)
		if !ok {
			return false
		}
		if srv.data.bytes.Add(-freed) <= limit {
			return true
		}
	}
	return true
}

// evictNow makes room after maxmemory was lowered, for a while; the next commands
// go on.
func (s *Session) evictNow() {
	end := s.srv.opts.Now() + evictPeriod
	for s.set.maxMemory > 0 && s.makeRoom() && s.srv.data.bytes.Load() > s.set.maxMemory && s.srv.opts.Now() < end {
		// The next batch.
	}
}

// parsePolicy reads a maxmemory-policy.
func parsePolicy(policy string, samples int) (how engine.Eviction, evicts bool) {
	if policy == "noeviction" {
		return how, false
	}
	which, by, _ := strings.Cut(policy, "-")
	how = engine.Eviction{Volatile: which == "volatile", Samples: samples}
	how.By = map[string]engine.Order{
		"lru": engine.ByIdle, "lfu": engine.ByFrequency, "random": engine.ByRandom, "ttl": engine.ByDeadline,
	}[by]
	return how, true
}

// noteUsage tells the engine how to note uses when that has changed.
func (srv *Server) noteUsage() {
	u := engine.Usage{
		Frequency: strings.HasSuffix(srv.config.String("maxmemory-policy"), "-lfu"),
		LogFactor: int(srv.config.Int("lfu-log-factor")),
		DecayTime: int(srv.config.Int("lfu-decay-time")),
	}
	key := [3]int{u.LogFactor, u.DecayTime}
	if u.Frequency {
		key[2] = 1
	}
	if old := srv.usage.Swap(&key); old == nil || *old != key {
		srv.engine.NoteUsage(u)
	}
}
