package control

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"crdb/control/api"
)

// D2: a disk from between the prepare and the commit of an instance has its record and
// an empty log. Whether the commit of that time or a later one is heard of, the ID is in
// use since, and no write is taken before the others were asked.
func TestCommitOnADiskFromBetween(t *testing.T) {
	for _, later := range []bool{false, true} {
		_, nodes, guid := four(t)
		n := nodes[3]
		if task := nodes[0].modify(guid, adding(n)); task.Status != api.TaskFinished {
			t.Fatalf("task: %+v", task)
		}
		old := *n.database(guid).record
		old.Status, old.Coordinator = api.StatusPosted, nodes[0].c.Base
		n.Close()
		nodes[0].fake(guid).know(4, 7)
		if later {
			nodes[0].modify(guid, setting(1000))
		}
		if err := n.dir.writeRecord(&old); err != nil {
			t.Fatal(err)
		}
		n.start()
		eventually(t, "it is a member again", func() bool { v, _ := n.inForce(guid); return v >= 2 })
		eventually(t, "it was checked", func() bool { return !n.database(guid).unchecked })
		f := n.fake(guid)
		f.mu.Lock()
		admitted := f.admitted
		f.mu.Unlock()
		if n.faultOf(guid) != api.CodeLostLog || admitted {
			t.Errorf("later %v: fault %q, writes were admitted: %v", later, n.faultOf(guid), admitted)
		}
	}
}

// A removal was decided, and its coordinator lost its disk before anybody but one member
// heard of it. The empty node in its place knows of no change, and that is no word that
// it was given up: the leaver takes no writes that nobody would get, and no other change
// takes the version.
func TestEmptyCoordinatorGivesNothingUp(t *testing.T) {
	dial, nodes, guid := four(t)
	c, _, leaver := decideRemoval(t, nodes, guid)
	nodes[0].Close()
	nodes[0].opts.Settings.Dir = t.TempDir()
	dial.cut.Store(nodes[1].AdminAddr(), true) // who stays and has it in force is cut off
	nodes[0].start()
	if err := nodes[1].Commit(context.Background(), c.next); err != nil {
		t.Fatal(err)
	}
	late := time.Now().Add(100 * time.Millisecond) // more than Timing.Prepare
	eventually(t, "it asks", func() bool { return time.Now().After(late) })
	nodes[2].resolvePosted()
	leaver.mu.Lock()
	admitted := leaver.admitted
	leaver.mu.Unlock()
	if db := nodes[2].database(guid); admitted || db.record.Posted == nil {
		t.Errorf("writes were admitted: %v; posted: %+v", admitted, db.record.Posted)
	}
	dial.cut.Delete(nodes[1].AdminAddr())
	eventually(t, "the leaver hears of it from the one that stays", nodes[2].clean)
}

// A removal was decided, and its coordinator, which had told one member, comes back on a
// disk from before it, or, as the others say, on an old one from before the decision. That
// is no word that it was given up: the leaver takes no writes that nobody would get, and no
// other change takes the version.
func TestCoordinatorOnAnOldDiskGivesNothingUp(t *testing.T) {
	for _, within := range []bool{false, true} {
		dial, nodes, guid := four(t)
		co, ctx := nodes[0], context.Background()
		before := *co.database(guid).record
		c, _, leaver := decideRemoval(t, nodes, guid)
		co.Close()
		err := errors.Join(co.dir.removeNote(guid), co.dir.writeRecord(&before))
		if within {
			nodes[2].fake(guid).know(1, 7)
			err = errors.Join(err, co.dir.writeNote(&note{State: api.OutcomePreparing, Database: c.next, Base: c.base}))
		}
		if err == nil {
			err = nodes[1].Commit(ctx, c.next)
		}
		if err != nil {
			t.Fatal(err)
		}
		dial.cut.Store(nodes[1].AdminAddr(), true) // who stays and has it in force is cut off
		co.start()
		late := time.Now().Add(100 * time.Millisecond) // more than Timing.Prepare
		eventually(t, "it asks", func() bool { return time.Now().After(late) })
		nodes[2].resolvePosted()
		leaver.mu.Lock()
		admitted := leaver.admitted
		leaver.mu.Unlock()
		if db := nodes[2].database(guid); admitted || db.record.Posted == nil {
			t.Errorf("within %v: writes were admitted: %v; posted: %+v", within, admitted, db.record.Posted)
		}
		if !within { // else it may not change anything
			if task := co.modify(guid, setting(5)); task.Status != api.TaskFailed {
				t.Errorf("task: %+v", task)
			}
		}
		dial.cut.Delete(nodes[1].AdminAddr())
		eventually(t, "the leaver hears of it from the one that stays", nodes[2].clean)
		co.learn(ctx, guid)
		agreeOn(t, guid, 2, nodes[:2]...)
	}
}

// A change is given up while a member is away that has posted it. The member hears of it
// when it comes back, over a restart of the coordinator, and that remembers nothing of it
// when the next version is in force.
func TestGivenUpForOneThatIsAway(t *testing.T) {
	dial, nodes, guid := four(t)
	co, away := nodes[0], nodes[1]
	r, _ := co.find(guid)
	c, err := co.plan(r.Database, setting(5))
	if err != nil {
		t.Fatal(err)
	}
	x, err := co.beginChange(context.Background(), &note{State: api.OutcomePreparing, Database: c.next, Base: c.base})
	if err == nil {
		_, err = co.propose(context.Background(), &task{owner: co.tasks}, c)
	}
	if err != nil {
		t.Fatal(err)
	}
	dial.cut.Store(co.AdminAddr(), true)
	dial.cut.Store(away.AdminAddr(), true)
	co.client.CloseIdleConnections()
	away.client.CloseIdleConnections()
	co.giveUp(&task{owner: co.tasks}, c, x)
	co.restart()
	if v, posted := away.inForce(guid); v != 1 || !posted {
		t.Errorf("version %d, posted %v", v, posted)
	}
	dial.cut.Delete(co.AdminAddr())
	dial.cut.Delete(away.AdminAddr())
	agreeOn(t, guid, 1, nodes[:3]...)
	for range maxGivenUp + 1 {
		c.next.ConfigID = co.newGUID()
		if err := co.writeGivenUp(&note{State: api.OutcomePreparing, Database: c.next, Base: c.base}); err != nil {
			t.Fatal(err)
		}
	}
	if all := co.database(guid).record.GivenUp; len(all) != maxGivenUp || co.outcome(guid, c.next.ConfigID).State != api.OutcomeAborted {
		t.Errorf("%d are remembered", len(all))
	}
	if task := co.modify(guid, setting(6)); task.Status != api.TaskFinished || len(co.database(guid).record.GivenUp) != 0 {
		t.Errorf("task: %+v", task)
	}
}

// fullDisk has no space for records of databases while it is full.
type fullDisk struct {
	vfs.FS
	full atomic.Bool
}

func (d *fullDisk) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	if d.full.Load() && strings.HasSuffix(name, recordFile+tempSuffix) {
		return nil, syscall.ENOSPC
	}
	return d.FS.Create(name, c)
}

// A coordinator that starts again, while its disk takes nothing, keeps the change that it
// gives up until that is written down: no other change takes the place of its note, and
// the members that have posted it hear of it in the end.
func TestGivenUpWhenTheDiskTakesNothing(t *testing.T) {
	_, nodes, guid := four(t)
	co := nodes[0]
	r, _ := co.find(guid)
	c, err := co.plan(r.Database, setting(5))
	if err != nil {
		t.Fatal(err)
	}
	_, err = co.beginChange(context.Background(), &note{State: api.OutcomePreparing, Database: c.next, Base: c.base})
	if err == nil {
		_, err = co.propose(context.Background(), &task{owner: co.tasks}, c)
	}
	if err != nil {
		t.Fatal(err)
	}
	disk := &fullDisk{FS: vfs.Default}
	co.opts.FS = disk
	disk.full.Store(true)
	co.restart()
	if o := co.outcome(guid, c.next.ConfigID); o.State != api.OutcomePreparing {
		t.Errorf("the change is %s", o.State)
	}
	if task := co.modify(guid, setting(6)); task.Status != api.TaskFailed {
		t.Errorf("another change: %+v", task)
	}
	disk.full.Store(false)
	agreeOn(t, guid, 1, nodes[:3]...)
	eventually(t, "no note is left", co.settled)
	if task := co.modify(guid, setting(6)); task.Status != api.TaskFinished {
		t.Errorf("another change afterwards: %+v", task)
	}
}

// D2: a member whose own data is gone holds nothing of anybody's log. That pardons no
// instance that has lost log: the member's disk may come back.
func TestNoPardonByWhoHasNothing(t *testing.T) {
	_, nodes, guid := four(t)
	n, witness := nodes[1], nodes[0]
	witness.fake(guid).know(2, 7)
	n.restart()
	if n.faultOf(guid) != api.CodeLostLog {
		t.Fatal("fault:", n.faultOf(guid))
	}
	nodes[2].fake(guid).know(1, 7) // so that the witness stays what it is
	witness.Close()
	if err := os.RemoveAll(filepath.Join(witness.opts.Settings.Dir, databases, guid, dataDir)); err != nil {
		t.Fatal(err)
	}
	witness.start()
	if witness.faultOf(guid) != faultNoData {
		t.Fatal("fault:", witness.faultOf(guid))
	}
	n.restart()
	if n.faultOf(guid) != api.CodeLostLog {
		t.Error("it was pardoned on the word of who has nothing")
	}
}
