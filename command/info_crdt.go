package command

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"crdb/crdt"
)

// infoCRDT describes this replica and its links to the others.
func infoCRDT(c *Context, t *infoText) {
	srv := c.Server
	eng, links := c.engineStats(), srv.repl.Links()
	issued := srv.log.Issued()
	t.num("crdt_config_version", srv.configVersion())
	t.text("crdt_replid", srv.replID())
	t.num("crdt_replica_id", int64(srv.opts.Replica))
	t.text("crdt_region", srv.opts.Region)
	t.text("crdt_clock", issued.Time.String())
	t.text("crdt_ovc", srv.log.Durable().String())
	t.num("crdt_members", int64(srv.repl.Members()))
	t.num("peers", int64(len(links)))
	var backlog int64
	for _, l := range links {
		backlog += l.UnackedOps
	}
	t.num("backlogs", backlog)
	t.num("crdt_merged_keys", eng.MergedKeys)
	t.num("crdt_effect_reqs", eng.RemoteOps)
	t.num("crdt_effect_blocks", eng.RemoteBlocks)
	t.num("crdt_gc_pending", eng.Residues)
	for k := crdt.ConflictWrite; k < crdt.ConflictEnd; k++ {
		t.num("crdt_conflicts_"+k.String(), srv.conflicts.total(k))
	}
	for i, l := range links {
		up := "down"
		if l.Connected {
			up = "up"
		}
		t.text(fmt.Sprintf("crdt_peer_%d", i), fmt.Sprintf(
			"replica=%d,region=%s,addr=%s,link=%s,lag_seconds=%.3f,max_ops_lag=%d,min_ops_lag=%d,lag_bytes=%d,unacked_ops=%d,held_blocks=%d,bytes_in=%d,bytes_out=%d,acked=%s",
			l.Replica, l.Region, l.Addr, up, l.LagSeconds, l.LagOps, l.LagOps, l.LagBytes, l.UnackedOps, l.Held, l.BytesIn, l.BytesOut, l.Acked))
	}
}

// replID names the database to clients, the same in all regions. Its GUID does not
// follow from it, and so no seed of a hash.
func (srv *Server) replID() string {
	sum := sha256.Sum256([]byte("replication ID of " + srv.opts.GUID))
	return hex.EncodeToString(sum[:20])
}
