package peer

import (
	"fmt"

	"crdb/crdt"
	"crdb/oplog"
	"crdb/proto/peerpb"
)

// protocolVersion is the version of proto/peerpb/peer.proto spoken here, and of the
// operations and states in it: 2 knows rows of elements (crdt.KindListCut), 3 edits of
// strings (crdt.Edit), 4 records of small collections (crdt.Object.Few), 5 leaves of lists
// in these.
const protocolVersion = 5

// Tip is the end of a replica's log as somebody holds it.
type Tip struct {
	Time crdt.Timestamp // 0: nothing of it
	Hash uint64         // of the block that ends there
	Seen crdt.Timestamp // slices that a state transfer has brought hold operations up to here, if that is more
}

func (t Tip) wire() *peerpb.Tip {
	return &peerpb.Tip{Time: uint64(t.Time), Hash: t.Hash, Seen: uint64(t.Seen)}
}

func tipOf(p *peerpb.Tip) Tip {
	return Tip{crdt.Timestamp(p.GetTime()), p.GetHash(), crdt.Timestamp(p.GetSeen())}
}

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
func (p *party) tipHeld(r crdt.ReplicaID) (Tip, error) {
	d, hash, err := p.log.LastHash(r)
	t := Tip{Time: d.Time, Hash: hash}
	if seen := p.log.Raised().Get(r); r != p.self && seen > d.Time {
		t.Seen = seen
	}
	return t, err
}

// checkTip compares the end of this replica's log, as peer holds it, with the
// log itself. A difference means that one of the two has lost log: this
// replica has been set back and must come back under a new ID (D2).
func (p *party) checkTip(peer crdt.ReplicaID, held Tip) error {
	own := p.log.DurableOwn()
	switch most := max(held.Time, held.Seen); {
	case most > own:
		return refuse(peerpb.Refusal_REWOUND,
			"replica %d holds operations of replica %d up to %v, but its log now ends at %v: replica %d has lost log it had shipped",
			peer, p.self, most, own, p.self)
	case held.Time == 0:
		return nil
	}
	hash, ok, err := p.log.BlockHashAt(p.self, held.Time)
	switch {
	case err != nil:
		return fmt.Errorf("read the block at %v: %w", held.Time, err)
	case ok && hash != held.Hash, !ok && held.Time >= p.log.First(p.self):
		return refuse(peerpb.Refusal_FORKED,
			"replica %d holds another block at %v of the log of replica %d: the log has forked", peer, held.Time, p.self)
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
