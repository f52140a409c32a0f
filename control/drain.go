package control

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"crdb/control/api"
)

// This file is the leaving of instances: in good order, when they hand over all
// they have first, and by force.

// drain is an instance that takes no writes because it is to leave. It is kept
// up by its coordinator, who asks again and again; a node that forgets it at a
// restart is asked once more.
type drain struct {
	until time.Time
	stay  []int          // who must hold the goal
	goal  []api.Position // what was here when the writes had stopped
}

// Drain stops the writes of an instance that is to leave, and says how far the
// others are. Lease 0 lets clients write again.
func (n *Node) Drain(_ context.Context, guid string, d *api.Drain) (*api.Drained, error) {
	n.change.Lock()
	defer n.change.Unlock()
	db := n.database(guid)
	if db == nil || db.record.Status != api.StatusCommitted {
		return nil, n.notHere(guid)
	}
	if d.LeaseMS <= 0 {
		n.endDrain(guid)
		n.restrain(db)
		return &api.Drained{}, nil
	}
	if code, why := db.restraint(); code != "" && code != codeLeaving {
		return nil, api.Errorf(http.StatusConflict, code, "region %s cannot hand over what it has: %s; remove it by force", n.opts.Settings.Region, why)
	}
	n.mu.Lock()
	x := n.mu.drains[guid]
	if x == nil {
		x = &drain{}
		n.mu.drains[guid] = x
	}
	x.until, x.stay = n.opts.Now().Add(time.Duration(min(d.LeaseMS, time.Hour.Milliseconds()))*time.Millisecond), d.Stay
	n.mu.Unlock()
	n.restrain(db)
	quiet := db.inst.Quiet() // before it is asked what there is
	h := db.inst.Holdings()
	if x.goal == nil {
		x.goal = h.Durable
	}
	x.goal = api.Join(x.goal, []api.Position{{ID: db.record.Replica, Time: h.Issued}})
	lacks := x.lacks(h)
	return &api.Drained{Done: quiet && len(lacks) == 0, Busy: !quiet, Lacks: lacks}, nil
}

// lacks returns who does not hold the goal yet, and what of it.
func (x *drain) lacks(h Holdings) []api.Holding {
	var all []api.Holding
	for _, id := range x.stay {
		i := slices.IndexFunc(h.Others, func(o api.Holding) bool { return o.ID == id })
		var have []api.Position
		if i >= 0 {
			have = h.Others[i].Durable
		}
		if !api.Covers(have, x.goal) {
			all = append(all, api.Holding{ID: id, Durable: have})
		}
	}
	return all
}

// drained reports whether an instance has handed over everything.
func (n *Node) drained(db *database) bool {
	n.mu.Lock()
	x := n.mu.drains[db.record.Database.GUID]
	n.mu.Unlock()
	if x == nil || !db.inst.Quiet() {
		return false
	}
	h := db.inst.Holdings()
	now := &drain{stay: x.stay, goal: api.Join(slices.Clone(x.goal), []api.Position{{ID: db.record.Replica, Time: h.Issued}})}
	return len(now.lacks(h)) == 0
}

func (n *Node) endDrain(guid string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.mu.drains, guid)
}

// expireDrains lets clients write again where the coordinator is silent and
// nothing was posted.
func (n *Node) expireDrains() {
	now := n.opts.Now()
	n.change.Lock()
	defer n.change.Unlock()
	n.mu.Lock()
	var over []string
	for guid, x := range n.mu.drains {
		if x.until.Before(now) {
			over = append(over, guid)
			delete(n.mu.drains, guid)
		}
	}
	n.mu.Unlock()
	for _, guid := range over {
		if db := n.database(guid); db != nil {
			n.restrain(db)
		}
	}
}

// drainAll has the instances that leave hand over what they have. A write that
// was acknowledged there is at every member that stays before the change is
// posted. All are asked again until the last one is done: no lease ends before.
func (n *Node) drainAll(ctx context.Context, k *task, c *change) error {
	ctx, cancel := context.WithTimeoutCause(ctx, n.opts.Timing.Settle, errDrain)
	defer cancel()
	var all []*leaver
	for _, x := range c.leaving {
		all = append(all, &leaver{Instance: x})
	}
	for {
		var waits *leaver
		for _, x := range all {
			done, err := n.drainOnce(ctx, k, c, x)
			if err != nil {
				return drainFailed(ctx, k, x, err)
			}
			if !done {
				waits = x
			}
		}
		if waits == nil {
			return nil
		}
		retry := time.NewTimer(n.opts.Timing.Retry)
		select {
		case <-retry.C:
		case <-ctx.Done():
			retry.Stop()
			switch {
			case waits.busy:
				return drainFailed(ctx, k, waits, fmt.Errorf("%s in region %s", stillWrites, waits.Region))
			case waits.lacks == nil:
				return drainFailed(ctx, k, waits, context.Cause(ctx))
			}
			return drainFailed(ctx, k, waits, fmt.Errorf("region %s lacks some of what region %s has", regionsOf(c.base, waits.lacks), waits.Region))
		}
	}
}

// leaver is an instance that is being drained.
type leaver struct {
	*api.Instance
	misses int           // calls in a row that were not answered
	lacks  []api.Holding // as it said last; nil: it has not
	busy   bool          // a write that was let in before is still under way, it said
}

const stillWrites = "a script, or another write that began before, is still under way"

var errDrain = errors.New("the others did not get everything in time")

func drainFailed(ctx context.Context, k *task, x *leaver, err error) error {
	if context.Cause(ctx) == errDrain {
		err = api.Errorf(0, api.CodeUnreachable, "%v; nothing was changed", err)
	}
	k.fail(x.Cluster.Name, err)
	return errMembers
}

// drainOnce asks a leaving instance to take no writes for another lease, and
// whether the others hold all that it has.
func (n *Node) drainOnce(ctx context.Context, k *task, c *change, x *leaver) (done bool, err error) {
	d := &api.Drain{LeaseMS: n.opts.Timing.Lease.Milliseconds()}
	for _, y := range c.next.Instances {
		if !slices.Contains(c.added, y.ID) {
			d.Stay = append(d.Stay, y.ID)
		}
	}
	call, cancel := context.WithTimeout(ctx, n.opts.Timing.Call)
	defer cancel()
	a, err := n.memberOf(x.Instance).Drain(call, c.base.GUID, d)
	switch {
	case err == nil:
		x.misses, x.lacks, x.busy = 0, a.Lacks, a.Busy
		if a.Done {
			k.cluster(x.Cluster.Name, 40)
			return true, nil
		}
		if x.busy {
			k.step(fmt.Sprintf("region %s takes no more writes; %s there", x.Region, stillWrites), 12)
			return false, nil
		}
		k.step(fmt.Sprintf("region %s takes no writes any more and hands over what it has; still waiting for %s", x.Region, regionsOf(c.base, a.Lacks)), 12)
	case !unanswered(err):
		return false, err
	case x.misses == drainMisses && n.isOvertaken(c): // it has left by that, perhaps
		return false, api.Errorf(http.StatusConflict, api.CodeConflict, "another change of the database was made meanwhile. Look at it and try again")
	case x.misses == drainMisses:
		return false, fmt.Errorf("it does not answer, so that it cannot hand over what it has: %w; bring it back, or remove it with --force and lose what only it has", err)
	default:
		x.misses++
	}
	return false, nil
}

// isOvertaken reports whether a change of the same version, or a later one, is in force here.
func (n *Node) isOvertaken(c *change) bool {
	db := n.database(c.base.GUID)
	return db == nil || db.record.Database.ConfigVersion >= c.next.ConfigVersion
}

// drainMisses is how often in a row a leaving instance may not answer.
const drainMisses = 3

func regionsOf(d *api.Database, of []api.Holding) string {
	var all []string
	for _, h := range of {
		if x := d.Instance(h.ID); x != nil {
			all = append(all, x.Region)
		}
	}
	return strings.Join(all, ", ")
}

// undrain lets instances that stay after all take writes again.
func (n *Node) undrain(ctx context.Context, c *change) {
	for _, x := range c.leaving {
		if _, err := n.memberOf(x).Drain(ctx, c.base.GUID, &api.Drain{}); err != nil {
			n.log.Warn("an instance that stays after all takes writes again a little later", "database", c.base.Name, "region", x.Region, "err", err)
		}
	}
}

// shareLogs waits until every member holds of the logs of removed instances
// what any member holds: then they agree on where these logs end.
func (n *Node) shareLogs(ctx context.Context, k *task, c *change) {
	var goal []api.Position
	var stay []api.Instance
	for _, x := range c.next.Instances {
		if !slices.Contains(c.added, x.ID) {
			stay = append(stay, x)
		}
	}
	for _, s := range n.standings(ctx, c.next.GUID, stay) {
		for _, x := range c.gone {
			if t := api.At(s.Durable, x.ID); t > 0 {
				goal = api.Join(goal, []api.Position{{ID: x.ID, Time: t}})
			}
		}
	}
	k.step("the regions fetch from each other what they hold of the removed ones", 85)
	n.awaitHeld(ctx, k, c.next.GUID, stay, goal)
}
