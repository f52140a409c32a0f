package control

import (
	"context"
	"testing"
	"time"

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
