package host

import (
	"crdb/command"
	"crdb/crdt"
	"crdb/peer"
)

// replication shows a Replicator to commands.
type replication struct{ *peer.Replicator }

var _ command.Replication = replication{}

// Members returns how many members there are, this one included.
func (r replication) Members() int {
	n := 1
	for _, l := range r.Replicator.Links() {
		if l.Member {
			n++
		}
	}
	return n
}

// Links describes the links for INFO.
func (r replication) Links() []command.Link {
	var all []command.Link
	for _, l := range r.Replicator.Links() {
		if !l.Member {
			continue
		}
		all = append(all, command.Link{
			Replica: l.Replica, Region: l.Region, Addr: l.Addr, Connected: l.In.State == peer.StateConnected,
			LagSeconds: l.In.Lag.Seconds, LagOps: int64(l.In.Lag.Ops), LagBytes: int64(l.In.Lag.Bytes),
			UnackedOps: int64(l.Out.Lag.Ops), Held: l.In.HeldBlocks,
			BytesIn: int64(l.In.WireBytes), BytesOut: int64(l.Out.WireBytes), Acked: crdt.Timestamp(l.Out.Acknowledged),
		})
	}
	return all
}
