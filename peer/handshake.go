package peer

import (
	"fmt"

	"crdb/crdt"
	"crdb/oplog"
	"crdb/proto/peerpb"
)

// protocolVersion is the version of proto/peerpb/peer.proto spoken here.
const protocolVersion = 1

// tip is the end of a replica's log as somebody holds it.
type tip struct {
	time crdt.Timestamp
	hash uint64 // of the block that ends there
}

func (t tip) wire() *peerpb.Tip { return &peerpb.Tip{Time: uint64(t.time), Hash: t.hash} }

func tipOf(p *peerpb.Tip) tip { return tip{crdt.Timestamp(p.GetTime()), p.GetHash()} }

// party is one side of a handshake: what it is and what it runs on.
type party struct {
	database string
	self     crdt.ReplicaID
	region   string
	log      *oplog.Log
}

// identity says who speaks and to whom.
func (p *party) identity(to crdt.ReplicaID, config uint64) *peerpb.Identity {
	return &peerpb.Identity{
		Protocol: protocolVersion, BlockFormat: oplog.BlockVersion, Database: p.database,
		Replica: uint32(p.self), Region: p.region, To: uint32(to), ConfigVersion: config,
	}
}

// identity is party.identity with what changes while the Replicator runs.
func (r *Replicator) identity(to crdt.ReplicaID) *peerpb.Identity {
	id := r.party.identity(to, r.opts.ConfigVersion())
	id.Run = r.opts.Run
	return id
}

// checkIdentity refuses a peer that speaks another language, belongs to
// another database, wants somebody else, or is not the member it should be.
func (p *party) checkIdentity(id *peerpb.Identity, member func(crdt.ReplicaID) (Member, bool)) (Member, error) {
	who := fmt.Sprintf("replica %d of region %q", id.GetReplica(), id.GetRegion())
	switch {
	case id.GetProtocol() != protocolVersion:
		return Member{}, refuse(peerpb.Refusal_PROTOCOL, "%s speaks protocol version %d, replica %d speaks %d",
			who, id.GetProtocol(), p.self, protocolVersion)
	case id.GetBlockFormat() != oplog.BlockVersion:
		return Member{}, refuse(peerpb.Refusal_FORMAT, "%s writes block format %d, replica %d knows %d",
			who, id.GetBlockFormat(), p.self, oplog.BlockVersion)
	case id.GetDatabase() != p.database:
		return Member{}, refuse(peerpb.Refusal_DATABASE, "%s belongs to database %s, replica %d to %s",
			who, id.GetDatabase(), p.self, p.database)
	case id.GetTo() != uint32(p.self):
		return Member{}, refuse(peerpb.Refusal_ADDRESSEE, "%s wants replica %d, this is replica %d",
			who, id.GetTo(), p.self)
	}
	m, ok := member(crdt.ReplicaID(id.GetReplica()))
	if !ok || id.GetReplica() > 1<<16-1 || m.Replica == p.self {
		return Member{}, refuse(peerpb.Refusal_MEMBER, "%s is no other member of the database, as replica %d knows it", who, p.self)
	}
	if m.Region != id.GetRegion() {
		return Member{}, refuse(peerpb.Refusal_REGION, "%s should be in region %q", who, m.Region)
	}
	return m, nil
}

// tipHeld returns the end of r's log as it is held here.
func (p *party) tipHeld(r crdt.ReplicaID) (tip, error) {
	d, hash, err := p.log.LastHash(r)
	return tip{d.Time, hash}, err
}

// checkTip compares the end of this replica's log, as peer holds it, with the
// log itself. A difference means that one of the two has lost log: this
// replica has been set back and must come back under a new ID (D2).
func (p *party) checkTip(peer crdt.ReplicaID, held tip) error {
	own := p.log.DurableOwn()
	switch {
	case held.time == 0:
		return nil
	case held.time > own:
		return refuse(peerpb.Refusal_REWOUND,
			"replica %d holds the log of replica %d up to %v, but that log now ends at %v: replica %d has lost log it had shipped",
			peer, p.self, held.time, own, p.self)
	}
	hash, ok, err := p.log.BlockHashAt(p.self, held.time)
	switch {
	case err != nil:
		return fmt.Errorf("read the block at %v: %w", held.time, err)
	case ok && hash != held.hash, !ok && held.time >= p.log.First(p.self):
		return refuse(peerpb.Refusal_FORKED,
			"replica %d holds another block at %v of the log of replica %d: the log has forked", peer, held.time, p.self)
	}
	return nil
}

// checkVector decodes a vector that came over the wire.
func checkVector(b []byte) (crdt.VersionVector, error) {
	if len(b) == 0 {
		return nil, nil
	}
	vv, rest, err := crdt.DecodeVector(nil, b)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errVector, err)
	}
	if len(rest) != 0 {
		return nil, fmt.Errorf("%w: %d bytes too many", errVector, len(rest))
	}
	return vv, nil
}
