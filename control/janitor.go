package control

import (
	"context"
	"sync"
	"time"

	"crdb/control/api"
)

// What the finisher says until somebody acts.
const (
	changeWaits       = "a change of a database waits for a cluster"
	coordinatorSilent = "the coordinator of a change does not answer; other changes must wait"
	coordinatorBlank  = "the coordinator of a change does not know of it: its disk is another, or an old one. Other changes must wait until it is forced out, or has learned from a member that the change was made"
)

// finisher finishes what tasks left: changes whose members did not answer, and
// prepared instances whose coordinator is silent.
func (n *Node) finisher() {
	defer n.wg.Done()
	tick := time.NewTicker(n.opts.Timing.Janitor)
	defer tick.Stop()
	for {
		n.finishNotes()
		n.resolvePosted()
		select {
		case <-tick.C:
		case <-n.ctx.Done():
			return
		}
	}
}

// several calls f for each of some databases, for a few at a time, and waits: a node
// that swallows packets keeps nobody waiting but those of its databases.
func several(guids []string, f func(guid string)) {
	places := make(chan struct{}, maxAsked)
	var wg sync.WaitGroup
	for _, guid := range guids {
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			f(guid)
		})
	}
	wg.Wait()
}

// janitor does what must not wait for the finisher: it ends leases, brings instances
// back, and looks after notices.
func (n *Node) janitor() {
	defer n.wg.Done()
	tick := time.NewTicker(n.opts.Timing.Janitor)
	defer tick.Stop()
	for {
		n.expireDrains()
		n.recoverFaulty()
		if !n.attend(tick.C) {
			return
		}
	}
}

// attend looks after notices until the next tick; false when the node closes.
// Between two looks is a pause, however many notices come.
func (n *Node) attend(tick <-chan time.Time) bool {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for news := (chan struct{})(nil); ; {
		select {
		case <-pause.C:
			news = n.news
		case <-news:
			n.heed()
			news = nil
			pause.Reset(n.opts.Timing.Retry)
		case <-tick:
			return true
		case <-n.ctx.Done():
			return false
		}
	}
}

func (n *Node) finishNotes() {
	n.mu.Lock()
	var guids []string
	for guid := range n.mu.notes {
		guids = append(guids, guid)
	}
	n.mu.Unlock()
	several(guids, n.finishNote)
}

func (n *Node) finishNote(guid string) {
	x := n.take(guid)
	if x == nil {
		return
	}
	defer n.idle(guid)
	failed := n.round(n.ctx, x, nil)
	for cluster, err := range failed {
		n.warnRarely(trouble{guid, changeWaits, x.Database.ConfigID + x.State + cluster}, "database", x.Database.Name, "change", x.State, "region", cluster, "err", err)
	}
	if len(failed) == 0 {
		n.isOver(guid, changeWaits)
		n.log.Info("a change of a database that had been left is finished", "database", x.Database.Name, "guid", guid, "change", x.State)
	}
}

// resolvePosted asks for the outcome of prepared instances that have waited
// long enough.
func (n *Node) resolvePosted() {
	var due []string
	all := n.snapshot()
	for guid, db := range all {
		r := db.record
		if r.Status == api.StatusPosted && n.expired(r.ExpiresMS) || r.Status == api.StatusCommitted && r.Posted != nil && n.expired(r.Posted.ExpiresMS) {
			due = append(due, guid)
		}
	}
	several(due, func(guid string) {
		r := all[guid].record
		if r.Status == api.StatusCommitted {
			n.resolveChange(guid, r)
			return
		}
		switch o := n.askOutcome(guid, r); {
		case o == api.OutcomeAborted:
			n.dropPosted(guid)
		case o == api.OutcomePreparing:
		case !n.commitPosted(guid, r) && o == api.OutcomeUnknown:
			n.dropPosted(guid)
		}
	})
}

// resolveChange asks what became of a change that was posted here. Nobody but
// its coordinator can say that it was given up: without an answer it stays,
// until a peer has it in force or the coordinator is forced out.
func (n *Node) resolveChange(guid string, r *record) {
	x := r.Posted
	ctx, cancel := context.WithTimeout(n.ctx, n.opts.Timing.Call)
	defer cancel()
	o, err := n.outcomeAt(ctx, x.Coordinator, r.Database, x.Database.ConfigID)
	switch {
	case err != nil:
		n.warnRarely(trouble{guid, coordinatorSilent, x.Database.ConfigID}, "database", r.Database.Name, "coordinator", x.Coordinator, "err", err)
		n.learn(n.ctx, guid) // the coordinator may have taken all the time there was
	case o.State == api.OutcomePreparing || o.State == api.OutcomeCommitting: // it tells the end
	case o.InForce >= x.Database.ConfigVersion: // this change, perhaps, and others after it
		n.learn(n.ctx, guid)
	case o.State == api.OutcomeUnknown || o.InForce == 0: // so do builds before OutcomeUnknown that have lost their disk
		n.warnRarely(trouble{guid, coordinatorBlank, x.Database.ConfigID}, "database", r.Database.Name, "coordinator", x.Coordinator)
		n.learn(n.ctx, guid)
	default:
		if err := n.Unpost(ctx, guid, x.Database.ConfigID); err != nil {
			n.log.Error("cannot take back a change that was given up", "database", r.Database.Name, "err", err)
		}
	}
}

// outcomeAt asks a coordinator, which may be this node.
func (n *Node) outcomeAt(ctx context.Context, coordinator string, d *api.Database, config string) (*api.Outcome, error) {
	if own := d.Find(n.ID()); own != nil && own.Cluster.URL == coordinator {
		if err := n.checkOpened(d.GUID); err != nil {
			return nil, err
		}
		return n.outcome(d.GUID, config), nil
	}
	return (&api.Client{Base: coordinator, HTTP: n.client}).Outcome(ctx, d.GUID, config)
}

// askOutcome asks a prepared instance's coordinator what became of it. No answer says as
// much as one that does not know.
func (n *Node) askOutcome(guid string, r *record) string {
	ctx, cancel := context.WithTimeout(n.ctx, n.opts.Timing.Call)
	defer cancel()
	o, err := n.outcomeAt(ctx, r.Coordinator, r.Database, r.Database.ConfigID)
	if n.ctx.Err() != nil {
		return api.OutcomePreparing
	}
	if err != nil {
		n.log.Warn("the coordinator of a create does not answer; the prepared instance is dropped unless others have it in force", "database", r.Database.Name, "err", err)
		return api.OutcomeUnknown
	}
	if r.Database.ConfigVersion > 1 && o.InForce >= r.Database.ConfigVersion { // this change, and others after it
		return api.OutcomeCommitting
	}
	return o.State
}

// commitPosted takes over what the others have in force; false if none has this change or
// a later one. The coordinator tells it, too, unless its disk was lost.
func (n *Node) commitPosted(guid string, r *record) bool {
	var newest *api.Database
	for _, s := range n.standings(n.ctx, guid, n.others(r)) {
		if d := s.Database; d != nil && d.GUID == guid && s.Status == api.StatusCommitted && (newest == nil || d.ConfigVersion > newest.ConfigVersion) {
			newest = d
		}
	}
	if newest == nil || newest.ConfigVersion < r.Database.ConfigVersion {
		return false
	}
	if own := newest.Find(n.ID()); own == nil || own.ID != r.Replica { // not this change: another one took its version
		n.dropPosted(guid)
		return true
	}
	if err := n.Commit(n.ctx, newest); err != nil {
		n.log.Warn("a prepared instance cannot take over what is in force", "guid", guid, "err", err)
	}
	return true
}

// dropPosted drops an instance unless it was committed meanwhile. It may be
// prepared again, so it is not remembered as dropped.
func (n *Node) dropPosted(guid string) {
	n.change.Lock()
	defer n.change.Unlock()
	n.mu.Lock()
	db := n.mu.dbs[guid]
	if db == nil || db.record.Status != api.StatusPosted {
		n.mu.Unlock()
		return
	}
	n.mu.Unlock()
	if err := n.dropLocked(guid, db); err != nil {
		n.log.Error("cannot drop a prepared instance", "guid", guid, "err", err)
	}
}
