package control

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"crdb/control/api"
)

// This file is how a node learns from the others what it missed: a newer
// configuration, that it is no member any more, or that it may not go on under
// its replica ID.

// newRun makes the name of one life of the process; never 0.
func newRun(random io.Reader) uint64 {
	var b [8]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		panic("control: no randomness: " + err.Error())
	}
	return binary.LittleEndian.Uint64(b[:]) | 1
}

// notice takes what an instance found out. It must not block.
func (n *Node) notice(guid string, x Notice) {
	n.mu.Lock()
	all := n.mu.notices[guid]
	all[x.Kind] = x.Text
	n.mu.notices[guid] = all
	n.mu.Unlock()
	select {
	case n.news <- struct{}{}:
	default:
	}
}

// heed acts on the notices that have come.
func (n *Node) heed() {
	n.mu.Lock()
	all := n.mu.notices
	n.mu.notices = map[string][noticeKinds]string{}
	n.mu.Unlock()
	several(slices.Collect(maps.Keys(all)), func(guid string) {
		switch x := all[guid]; {
		case x[NoticeLostLog] != "":
			n.condemn(guid, &fault{api.CodeLostLog, lostLogText(x[NoticeLostLog])})
		case x[NoticeCloned] != "":
			n.halt(guid, &fault{api.CodeCloned, clonedText(x[NoticeCloned])})
		default:
			n.learn(n.ctx, guid)
		}
	})
}

func lostLogText(what string) string {
	return "this region came back with less of its own log than it had sent to others (a restored backup, an old disk, a copy): its new writes would be taken for old ones. " +
		"Writes are refused; run crdb-cli crdb recover-instance at this node, which brings it back under a new ID. What was found: " + what
}

func clonedText(what string) string {
	return "another process runs as this instance: one of the two is a copy. Writes are refused here; stop the copy, and then restart this node if it is the right one. " +
		"What was found: " + what
}

// condemn writes down that an instance may not go on under its ID.
func (n *Node) condemn(guid string, f *fault) {
	n.change.Lock()
	defer n.change.Unlock()
	db := n.database(guid)
	if db == nil || db.record.Status != api.StatusCommitted || db.record.Fault != nil {
		return
	}
	db, err := n.rewriteLocked(db, func(r *record) { r.Fault = f })
	if err != nil {
		n.log.Error("cannot write down that an instance lost log", "guid", guid, "err", err)
		n.haltLocked(db, f)
		return
	}
	n.alarm(db)
	n.restrain(db)
}

// halt stops the writes of an instance until the node is restarted.
func (n *Node) halt(guid string, f *fault) {
	n.change.Lock()
	defer n.change.Unlock()
	if db := n.database(guid); db != nil && db.halted == nil {
		n.haltLocked(db, f)
	}
}

// haltLocked is halt with change held.
func (n *Node) haltLocked(db *database, f *fault) {
	next := *db
	next.halted = f
	n.put(db.record.Database.GUID, &next)
	n.alarm(&next)
	n.restrain(&next)
}

// learn asks the other members for the configuration they have in force, and
// takes over the newest.
func (n *Node) learn(ctx context.Context, guid string) {
	db := n.database(guid)
	if db == nil || db.record.Status != api.StatusCommitted {
		return
	}
	others := n.others(db.record)
	all := n.standings(ctx, guid, others)
	n.adoptNewest(guid, all)
	if len(all) == 0 {
		n.leaveDeleted(ctx, guid, others)
	}
}

// leaveDeleted takes an instance out of use whose database was deleted, as one says who
// was a member and has nothing of it any more. Nobody else would tell: whoever deleted
// it did not know of this instance, since it had been forced out before. It drops
// nothing (invariant 16).
func (n *Node) leaveDeleted(ctx context.Context, guid string, others []api.Instance) {
	ctx, cancel := context.WithTimeout(ctx, n.opts.Timing.Call)
	defer cancel()
	var deleted atomic.Bool
	var wg sync.WaitGroup
	for _, x := range others {
		wg.Go(func() {
			if o, err := n.clientOf(x.Cluster).Outcome(ctx, guid, ""); err == nil && o.Deleted && o.InForce == 0 {
				deleted.Store(true)
			}
		})
	}
	wg.Wait()
	if !deleted.Load() {
		return
	}
	n.change.Lock()
	defer n.change.Unlock()
	db := n.database(guid)
	if db == nil || db.record.Status != api.StatusCommitted {
		return
	}
	if err := n.outLocked(db, func(r *record) { r.Deleted = true }); err != nil {
		n.log.Error("cannot write down that a database was deleted elsewhere", "database", db.record.Database.Name, "guid", guid, "err", err)
	}
}

// others returns the other members of a record's database.
func (n *Node) others(r *record) []api.Instance {
	return slices.DeleteFunc(slices.Clone(r.Database.Instances), func(x api.Instance) bool { return x.ID == r.Replica })
}

// adoptNewest takes over the newest of the configurations others have in force; or
// leaves, where one of the same version has deposed this instance.
func (n *Node) adoptNewest(guid string, all map[int]*api.Standing) {
	n.change.Lock()
	defer n.change.Unlock()
	db := n.database(guid)
	if db == nil {
		return
	}
	var rival *api.Database
	newest := db.record.Database
	for id, s := range all {
		d := s.Database
		if d == nil || d.GUID != guid || s.Status == api.StatusPosted {
			continue
		}
		if d.ConfigVersion > newest.ConfigVersion {
			newest = d
		}
		if s.Status == api.StatusCommitted && n.deposed(db.record, id, d) {
			rival = d
		}
	}
	if newest == db.record.Database && rival != nil {
		if err := n.leaveLocked(db, rival); err != nil {
			n.log.Error("cannot write down that an instance was removed", "database", rival.Name, "guid", guid, "err", err)
		}
		return
	}
	if newest == db.record.Database {
		return
	}
	n.log.Info("others have a newer configuration in force", "database", newest.Name, "guid", guid, "here", db.record.Database.ConfigVersion, "there", newest.ConfigVersion)
	if err := n.adoptLocked(db, newest); err != nil {
		n.log.Error("cannot take over a configuration", "database", newest.Name, "guid", guid, "err", err)
	}
}

// deposed reports whether a member has another configuration of the same version in
// force, without this instance. Only force makes one, and all that stay have agreed
// to it, so what is in force here never will be there (invariant 9). Others than
// members are not believed: two parts of a database may have forced out each other.
func (n *Node) deposed(r *record, member int, d *api.Database) bool {
	have := r.Database
	own := d.Find(n.ID())
	return r.Status == api.StatusCommitted && d.ConfigVersion == have.ConfigVersion && d.ConfigID != have.ConfigID &&
		have.Instance(member) != nil && (own == nil || own.ID != r.Replica)
}

// checkData writes down a fault where a record is there and its data is not:
// such an instance must not begin anew under the old ID.
func (n *Node) checkData(r *record) error {
	if r.Status == api.StatusPosted || r.Fault != nil {
		return nil
	}
	names, err := n.dir.list(databases, r.Database.GUID, dataDir)
	if err != nil || slices.ContainsFunc(names, func(name string) bool { return name != lostFound }) { // an empty disk has that
		return err
	}
	r.Fault = &fault{faultNoData, fmt.Sprintf("the data of the instance is gone: %s is empty. It takes no part in the database until "+
		"crdb-cli crdb recover-instance, run at this node, brings it back under a new ID", n.dir.at(databases, r.Database.GUID, dataDir))}
	return n.dir.writeRecord(r)
}

// bootCheck asks the other members about an instance before it takes its first
// write: for a newer configuration; for more of its log than is here; for more
// of others' logs than is here, that it said it had; and for another process that
// runs in its place, for which it also looks itself. It waits a bounded time, and
// for nobody who cannot be reached. Nobody drops the instance meanwhile, since the
// node is loading. Where no other member answers, or there is none,
// it asks where former ones were: one may have come back since.
func (n *Node) bootCheck(guid string) {
	db := n.database(guid)
	if db == nil { // dropped meanwhile
		return
	}
	r := db.record
	copied := n.elsewhere(r)
	if copied { // what a copy is sent, the original would be taken to have had
		db.inst.Isolate()
	}
	answers := n.interview(r, n.others(r))
	if len(answers) == 0 {
		n.adoptNewest(guid, n.interview(r, n.former(r)))
		ctx, cancel := context.WithTimeout(n.ctx, n.opts.Settings.BootCheck)
		n.leaveDeleted(ctx, guid, n.others(r))
		cancel()
	}
	n.adoptNewest(guid, answers)
	if db = n.database(guid); db == nil || db.record.Status != api.StatusCommitted {
		return
	}
	maps.Copy(answers, n.interview(r, n.joined(r, db.record)))
	var lost error
	other, here := 0, db.inst.Holdings().Durable
	for id, s := range answers {
		if held := s.Holding(r.Replica); !api.Covers(here, held) { // others may have forgotten what all had
			lost = fmt.Errorf("instance %d was told that more of others' logs is on disk here than there is: an old disk", id)
		}
		if err := db.inst.CheckOwn(id, End{s.End.Time, s.EndHash, s.Seen}); err != nil {
			lost = err
		}
		if s.Other {
			other = id
		}
	}
	switch f := db.record.Fault; {
	case copied:
		n.halt(guid, &fault{api.CodeCloned, clonedText("another process answers at the address that this instance has in the configuration")})
	case other != 0: // whose log is longer means nothing then
		n.halt(guid, &fault{api.CodeCloned, clonedText(fmt.Sprintf("instance %d hears from it", other))})
	case lost != nil:
		n.condemn(guid, &fault{api.CodeLostLog, lostLogText(lost.Error())})
	case f != nil && !slices.ContainsFunc(n.others(db.record), func(x api.Instance) bool { return answers[x.ID] == nil || answers[x.ID].NoData }):
		n.log.Info("all members say that the instance lost nothing after all", "guid", guid)
		n.pardon(guid)
	}
}

// joined returns the other members of a record that an older one does not name: an
// old disk does not know whom its log was sent to.
func (n *Node) joined(old, r *record) []api.Instance {
	return slices.DeleteFunc(n.others(r), func(x api.Instance) bool { return old.Database.Instance(x.ID) != nil })
}

// former returns the instances that have left the database of a record, one for each
// place but this node's.
func (n *Node) former(r *record) (all []api.Instance) {
	for _, x := range slices.Backward(r.Database.RemovedInstances) {
		known := slices.ContainsFunc(all, func(y api.Instance) bool { return y.Cluster.Name == x.Cluster.Name })
		if !known && x.NodeID != n.ID() && x.Region != n.opts.Settings.Region {
			all = append(all, api.Instance{ID: x.ID, Region: x.Region, Cluster: x.Cluster})
		}
	}
	return all
}

// elsewhere reports whether another process answers at the address of the
// instance of a record: then this one is a copy, also where no other member
// follows either of them just now. Nobody answering there says nothing.
func (n *Node) elsewhere(r *record) bool {
	self := r.Database.Instance(r.Replica) // nil: no member any more
	if self == nil {
		return false
	}
	ctx, cancel := context.WithTimeout(n.ctx, n.opts.Settings.BootCheck)
	defer cancel()
	info, err := n.clientOf(self.Cluster).Node(ctx)
	return err == nil && info.Run != 0 && info.Run != n.run && info.Region == n.opts.Settings.Region
}

// checked ends what bootCheck was waited for.
func (n *Node) checked(guid string) {
	n.change.Lock()
	defer n.change.Unlock()
	if db := n.database(guid); db != nil {
		next := *db
		next.unchecked = false
		n.put(guid, &next)
	}
}

// checkAnew asks the others about an instance that was not prepared for its commit in
// this run of the node, before it takes its first write: the disk may be one from
// before the commit, and the ID in use for long (invariant 15).
func (n *Node) checkAnew(guid string) {
	n.bootCheck(guid)
	n.checked(guid)
	n.change.Lock()
	defer n.change.Unlock()
	if db := n.database(guid); db != nil {
		n.restrain(db)
	}
}

// pardon takes a fault back.
func (n *Node) pardon(guid string) {
	n.change.Lock()
	defer n.change.Unlock()
	if n.database(guid) == nil {
		return
	}
	if _, err := n.rewriteLocked(n.database(guid), func(r *record) { r.Fault = nil }); err != nil {
		n.log.Error("cannot take back a fault", "guid", guid, "err", err)
	}
}

// interview asks other members once, and again those that are starting
// themselves or still hear of an earlier run of this instance.
func (n *Node) interview(r *record, of []api.Instance) map[int]*api.Standing {
	ctx, cancel := context.WithTimeout(n.ctx, n.opts.Settings.BootCheck)
	defer cancel()
	all := map[int]*api.Standing{}
	var mu sync.Mutex // guards all
	var wg sync.WaitGroup
	for _, x := range of {
		wg.Go(func() {
			for {
				s, err := n.clientOf(x.Cluster).Standing(ctx, r.Database.GUID, r.Replica, n.run)
				if err == nil {
					mu.Lock()
					all[x.ID] = s
					mu.Unlock()
				}
				if err == nil && !s.Other || err != nil && !api.IsCode(err, api.CodeNotReady) {
					return
				}
				retry := time.NewTimer(n.opts.Timing.Retry)
				select {
				case <-retry.C:
				case <-ctx.Done():
					retry.Stop()
					return
				}
			}
		})
	}
	wg.Wait()
	return all
}
