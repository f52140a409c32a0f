package control

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"crdb/control/api"
)

// This file is the coordinator's side of a change of a configuration.

// modify is the task.
func (n *Node) modify(ctx context.Context, k *task, c *change) error {
	for _, x := range c.next.Instances {
		k.cluster(x.Cluster.Name, 0)
	}
	k.step("asking the clusters", 5)
	if err := n.skipPosted(ctx, c); err != nil {
		return err
	}
	if err := n.resolveAdded(ctx, k, c); err != nil {
		return err
	}
	if err := k.plan(c); err != nil {
		return err
	}
	x, err := n.beginChange(ctx, &note{State: api.OutcomePreparing, Database: c.next, Base: c.base})
	if err != nil {
		return err
	}
	if err := n.carryThrough(ctx, k, c, x); err != nil {
		return err
	}
	n.log.Info("database has a new configuration", "database", c.next.Name, "guid", c.next.GUID, "version", c.next.ConfigVersion, "instances", len(c.next.Instances))
	return n.afterwards(ctx, k, c)
}

// carryThrough decides a change and has the members commit, or gives it up. Then
// the next change of the database may begin.
func (n *Node) carryThrough(ctx context.Context, k *task, c *change, x *note) error {
	defer n.idle(c.next.GUID)
	away, err := n.propose(ctx, k, c)
	if err == nil && !k.decide(ctx) {
		err = context.Canceled
	}
	if err == nil && n.outlived(x) {
		err = errOutlived
	}
	if err == nil {
		err = n.setNote(x, api.OutcomeCommitting)
	}
	if err != nil {
		n.giveUp(k, c, x)
		return err
	}
	k.commit()
	k.step("committing "+c.title(), 50)
	return n.settle(ctx, k, x, away)
}

// skipPosted sees to it that a change which may take the place of one that is posted
// gives out none of its IDs: what the other adds may be a member for some already.
func (n *Node) skipPosted(ctx context.Context, c *change) error {
	if len(c.gone) == 0 {
		return nil
	}
	highest := 0
	for _, s := range n.standings(ctx, c.base.GUID, c.base.Instances) {
		highest = max(highest, s.Highest)
	}
	return c.raise(highest)
}

// resolveAdded asks the nodes of new instances who they are.
func (n *Node) resolveAdded(ctx context.Context, k *task, c *change) error {
	seen := map[string]string{}
	for _, x := range c.next.Instances {
		if x.NodeID != "" {
			seen[x.NodeID], seen[x.Region] = x.Cluster.Name, x.Cluster.Name
		}
	}
	var failed error
	for _, id := range c.added {
		x := c.next.Instance(id)
		info, err := n.whois(ctx, x.Cluster)
		if err == nil {
			err = n.complete(x, id, info, seen)
		}
		if err != nil {
			k.fail(x.Cluster.Name, err)
			failed = errMembers
		}
	}
	return failed
}

// beginChange writes down the note of a change; a task works on it until idle.
func (n *Node) beginChange(ctx context.Context, x *note) (*note, error) {
	if err := n.claim(ctx, x.Database.GUID); err != nil {
		return nil, err
	}
	begun, err := n.begin(x)
	if err != nil {
		n.idle(x.Database.GUID)
	}
	return begun, err
}

// claim gives the caller the right to write the note of a database, until idle. A
// note of an earlier change, or of the create, that is decided and only waits for
// members that are away makes room: what comes next tells them everything, or their
// peers do, and until that is decided the note is kept with it. That needs this node to have the change in force itself: without the note
// it would tell everybody that it was given up.
func (n *Node) claim(ctx context.Context, guid string) error {
	tick := time.NewTicker(n.opts.Timing.Retry)
	defer tick.Stop()
	for {
		n.mu.Lock()
		old, busy := n.mu.notes[guid], n.mu.busy[guid]
		settled := old == nil || old.State == api.OutcomeCommitting && n.hasCommittedLocked(old)
		if settled && !busy {
			n.mu.busy[guid] = true
		}
		n.mu.Unlock()
		switch {
		case !settled || old == nil && busy:
			return api.Errorf(http.StatusConflict, api.CodeConflict, "database %s is being changed already; see crdb-cli task list", guid)
		case !busy:
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// hasCommittedLocked reports whether this node has carried out a change that is decided;
// also if it has nothing of the database any more. The caller holds mu.
func (n *Node) hasCommittedLocked(x *note) bool {
	db := n.mu.dbs[x.Database.GUID]
	if n.mu.unopened[x.Database.GUID] != nil {
		return false
	}
	return x.Base == nil || db == nil || db.record.Status != api.StatusCommitted || db.record.Database.ConfigVersion >= x.Database.ConfigVersion
}

// propose gets everybody ready. It returns the members that are away and may
// learn of the change later.
func (n *Node) propose(ctx context.Context, k *task, c *change) (away []string, err error) {
	k.step("looking at what the members hold", 10)
	if err := n.weighLoss(ctx, k, c); err != nil {
		return nil, err
	}
	if err := n.drainAll(ctx, k, c); err != nil {
		return nil, err
	}
	k.step("preparing new instances", 15)
	if err := n.prepareAdded(ctx, k, c); err != nil {
		return nil, err
	}
	k.step("posting "+c.title(), 30)
	return n.postAll(ctx, k, c)
}

// prepareAdded has the nodes of new instances prepare, and completes the
// configuration with the ports they hold.
func (n *Node) prepareAdded(ctx context.Context, k *task, c *change) error {
	p := &api.Prepare{Database: c.next.Clone(), Coordinator: n.coordinatorURL(c.base), TimeoutMS: n.opts.Timing.Prepare.Milliseconds(), Backup: c.backup}
	for _, id := range c.added {
		x := c.next.Instance(id)
		call, cancel := context.WithTimeout(ctx, n.opts.Timing.Call)
		answer, err := n.memberOf(x).Prepare(call, p)
		cancel()
		if err != nil {
			k.fail(x.Cluster.Name, err)
			return errMembers
		}
		own := c.next.Config(slices.IndexFunc(c.next.Instances, func(y api.Instance) bool { return y.ID == id }))
		if x.DBConfig != nil {
			own = *x.DBConfig
		}
		own.Port = answer.Port
		x.DBConfig, x.DBUID = &own, answer.DBUID
		k.cluster(x.Cluster.Name, 30)
	}
	return nil
}

// postAll posts the configuration to the members that stay and to those that
// leave in good order. Where instances are removed all of them must accept it:
// none may take ops of a removed one for those of a member. Else a majority
// does, so that two changes of one version cannot both be decided; who is away
// learns of it later. All coordinators begin at the same member, so that one
// of two changes wins.
func (n *Node) postAll(ctx context.Context, k *task, c *change) (away []string, err error) {
	var ask []*api.Instance
	for i := range c.base.Instances {
		x := &c.base.Instances[i]
		if !slices.ContainsFunc(c.gone, func(y *api.Instance) bool { return y.ID == x.ID }) {
			ask = append(ask, x)
		}
	}
	slices.SortFunc(ask, func(a, b *api.Instance) int { return a.ID - b.ID })
	p := &api.Post{Database: c.next.Clone(), Base: c.base.Clone(), Coordinator: n.coordinatorURL(c.base), TimeoutMS: n.opts.Timing.Prepare.Milliseconds()}
	errs := make([]error, len(ask))
	for i := range errs {
		errs[i] = errNotAsked
	}
	first := 0
	for ; first < len(ask); first++ {
		if errs[first] = n.post(ctx, ask[first], p); !unanswered(errs[first]) {
			break
		}
	}
	if first < len(ask) && errs[first] == nil {
		var wg sync.WaitGroup
		for i := first + 1; i < len(ask); i++ {
			wg.Go(func() { errs[i] = n.post(ctx, ask[i], p) })
		}
		wg.Wait()
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	need := len(c.base.Instances)/2 + 1
	if len(c.leaving)+len(c.gone) > 0 {
		need = len(ask)
	}
	away, err = n.count(k, ask, errs, need)
	if err != nil {
		n.wayOut(k, c, ask, errs)
	}
	return away, err
}

// errNotAsked is for members after the first that refused.
var errNotAsked = errors.New("not asked: another member refused")

// count says whether enough members accepted a configuration.
func (n *Node) count(k *task, ask []*api.Instance, errs []error, need int) (away []string, err error) {
	accepted := 0
	for i, x := range ask {
		if errs[i] == nil {
			accepted++
			k.cluster(x.Cluster.Name, 50)
			continue
		}
		away = append(away, x.NodeID)
	}
	for i, x := range ask {
		switch {
		case errs[i] == nil:
		case errs[i] == errNotAsked:
			err = errMembers
		case accepted >= need:
			k.warn("%s does not know of the change yet and learns of it when it answers again: %v", x.Cluster.Name, errs[i])
		default:
			k.fail(x.Cluster.Name, errs[i])
			err = errMembers
		}
	}
	if err != nil {
		k.fail("", api.Errorf(0, api.CodeConflict, "%d of %d members accept the change, %d must; nothing was changed", accepted, len(ask), need))
	}
	return away, err
}

func (n *Node) post(ctx context.Context, x *api.Instance, p *api.Post) error {
	ctx, cancel := context.WithTimeout(ctx, n.opts.Timing.Call)
	defer cancel()
	return n.memberOf(x).Post(ctx, p)
}

// unanswered reports whether an error says that nobody decided anything: nobody
// answered, or a node that has nothing of the database (any more).
func unanswered(err error) bool {
	return err != nil && (api.AsError(err).HTTP/100 != 4 || api.IsCode(err, api.CodeDBNotFound))
}

// wayOut tells what to do when a removal fails because members that stay do not
// answer or have lost their data: they cannot agree, and recovering one of them
// is such a removal itself, so that two who lost their disks wait for each other.
func (n *Node) wayOut(k *task, c *change, ask []*api.Instance, errs []error) {
	if len(c.leaving)+len(c.gone) == 0 {
		return
	}
	var lost, names, flags []string
	for _, x := range c.gone {
		flags = append(flags, fmt.Sprintf(" --instance-id %d", x.ID))
	}
	for i, x := range ask {
		if unanswered(errs[i]) && errs[i] != errNotAsked && !slices.Contains(c.leaving, x) {
			lost = append(lost, fmt.Sprintf("instance %d (region %s)", x.ID, x.Region))
			names = append(names, x.Region)
			flags = append(flags, fmt.Sprintf(" --instance-id %d", x.ID))
		}
	}
	if len(lost) == 0 || len(lost)+len(c.gone)+len(c.leaving) == len(c.base.Instances) {
		return
	}
	here := n.AdminAddr()
	if own := c.base.Find(n.ID()); own != nil {
		here = own.Cluster.Name
	}
	k.fail("", api.Errorf(0, api.CodeConflict, "this waits for %s: while it is a member, no other one leaves without it. If %s comes back with its data, "+
		"repeat the command then. If not, remove all that are gone at once: crdb-cli --node %s crdb remove-instance %q%s --force; then run crdb-cli crdb recover-instance at each of their nodes that lives",
		strings.Join(lost, " and "), strings.Join(names, " and "), here, c.next.Name, strings.Join(flags, "")))
}

// giveUp forgets a change that was not decided. Who is not reached asks for
// the outcome by itself.
func (n *Node) giveUp(k *task, c *change, x *note) {
	k.step("cleaning up", 90)
	if err := n.forget(x); err != nil && x.Unsure {
		k.fail("", fmt.Errorf("the disk of this node takes nothing: if the node is restarted before it does, the change may be made all the same: %w", err))
		return
	}
	// Where only that it was given up could not be written down, the finisher goes on.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(n.ctx), n.opts.Timing.Call)
	defer cancel()
	var wg sync.WaitGroup
	n.undrain(ctx, c)
	for _, inst := range x.members() {
		wg.Go(func() {
			if err := n.memberOf(inst).Unpost(ctx, c.next.GUID, c.next.ConfigID); err != nil {
				n.log.Warn("a change was given up; a member that has not heard of it will ask", "database", c.next.Name, "cluster", inst.Cluster.Name, "err", err)
			}
		})
	}
	wg.Wait()
}

// settle has the members commit. Those that were away are asked once; a new
// instance must have committed for the change to be a success.
func (n *Node) settle(ctx context.Context, k *task, x *note, away []string) error {
	n.tellGone(x)
	timeout := time.NewTimer(n.opts.Timing.Commit)
	defer timeout.Stop()
	for late := false; ; {
		failed := n.round(ctx, x, func(cluster string) { k.cluster(cluster, 80) })
		if x.Base == nil { // it was abandoned
			return errOutlived
		}
		waits := false
		for _, inst := range x.members() {
			waits = waits || failed[inst.Cluster.Name] != nil && !slices.Contains(away, inst.NodeID)
		}
		if !waits || late || ctx.Err() != nil {
			return n.lateOnes(k, x, failed)
		}
		retry := time.NewTimer(n.opts.Timing.Retry)
		select {
		case <-retry.C:
		case <-timeout.C:
			late = true
		case <-ctx.Done():
		}
		retry.Stop()
	}
}

// lateOnes says who has not committed. The note stays, and the finisher goes on.
func (n *Node) lateOnes(k *task, x *note, failed map[string]error) error {
	var err error
	for _, inst := range x.Database.Instances {
		e := failed[inst.Cluster.Name]
		switch {
		case e == nil:
		case x.Base.Instance(inst.ID) == nil:
			k.fail(inst.Cluster.Name, fmt.Errorf("the instance is a member now, but does not serve yet; its node is asked again and again: %w", e))
			err = errMembers
		default:
			k.warn("%s has not confirmed the change and learns of it when it answers again: %v", inst.Cluster.Name, e)
		}
	}
	return err
}

// afterwards waits for what follows from a change that is decided.
func (n *Node) afterwards(ctx context.Context, k *task, c *change) error {
	if len(c.gone) > 0 {
		n.shareLogs(ctx, k, c)
	}
	if len(c.added) > 0 {
		n.catchUp(ctx, k, c)
	}
	for _, x := range c.next.Instances {
		k.cluster(x.Cluster.Name, 100)
	}
	return nil
}
