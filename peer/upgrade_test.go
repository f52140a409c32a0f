package peer

import (
	"testing"
	"time"

	"crdb/proto/peerpb"
)

// TestAnUpgradedPeerIsFollowedAtOnce: a link that stopped because the peer's build speaks
// another protocol goes on when the peer, upgraded, has come by itself.
func TestAnUpgradedPeerIsFollowedAtOnce(t *testing.T) {
	c := newCluster(t, false)
	one, two := c.add(1, func(o *Options) { o.Timing.RetryStop = time.Hour }), c.add(2)
	c.replace(two, &liar{identity: func(id *peerpb.Identity) { id.Protocol = protocolVersion - 1 }})
	one.r.SetMembers(c.members())
	eventually(t, "the link is stopped", func() bool { return one.linkTo(2).In.State == StateStopped })
	two.liar()
	two.restart()
	two.toy.write("add", "x")
	c.converge()
}
