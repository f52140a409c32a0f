package control

import (
	"testing"

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
