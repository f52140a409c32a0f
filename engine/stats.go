package engine

// Stats are counts since Open unless they say otherwise.
type Stats struct {
	Hits, Misses      int64 // lookups of keys by reading commands
	Expired           int64 // keys this instance has deleted at their deadline
	ExpiredFields     int64 // fields of hashes, likewise
	Evicted           int64
	RemoteOps         int64 // ops of other replicas applied
	RemoteBlocks      int64
	MergedKeys        int64 // keys of range images merged
	Checkpoints       int64
	CheckpointErrors  int64
	CheckpointSeconds float64 // in all
	CheckpointBytes   int64   // in all
	RecoverySeconds   float64 // of this Open
	RecoveredKeys     int64
	ReplayedOps       int64
	Residues          int64 // keys that are gone but for what must stay until it is stable, now
}

// Stats collects the counts; it locks each partition for a moment.
func (e *Engine) Stats() Stats {
	c := &e.stats
	s := Stats{
		Expired: c.expired.Load(), ExpiredFields: c.expiredFields.Load(), Evicted: c.evicted.Load(),
		RemoteOps: c.remoteOps.Load(), RemoteBlocks: c.remoteBlocks.Load(), MergedKeys: c.mergedKeys.Load(),
		Checkpoints: c.checkpoints.Load(), CheckpointErrors: c.checkpointErrs.Load(),
		CheckpointSeconds: float64(c.checkpointNanos.Load()) / 1e9, CheckpointBytes: c.checkpointBytes.Load(),
		RecoverySeconds: float64(c.recoveryNanos) / 1e9, RecoveredKeys: c.recoveredKeys, ReplayedOps: c.replayedOps,
	}
	for i := range e.parts {
		p := &e.parts[i]
		p.mu.Lock()
		s.Hits += p.hits
		s.Misses += p.misses
		s.Residues += int64(p.residue.len())
		p.mu.Unlock()
	}
	return s
}

// ResetStats zeroes hits, misses, expired and evicted, as CONFIG RESETSTAT does.
// Everything is locked.
func (t *Tx) ResetStats() {
	s := &t.e.stats
	s.expired.Store(0)
	s.expiredFields.Store(0)
	s.evicted.Store(0)
	for i := range t.e.parts {
		t.e.parts[i].hits, t.e.parts[i].misses = 0, 0
	}
}
