package control

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"crdb/control/api"
)

// know makes an instance hold so much of a replica's log.
func (i *fakeInstance) know(replica int, time uint64) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.holds.Durable = []api.Position{{ID: replica, Time: time}}
}

func (n *testNode) faultOf(guid string) string {
	db := n.database(guid)
	if db == nil || db.record.Fault == nil {
		return ""
	}
	return db.record.Fault.Code
}

// D2: a node whose peers hold more of its log than it does takes no write, also
// after further restarts, until all say that nothing is missing.
func TestBootCheckFindsALostLog(t *testing.T) {
	dial, nodes, guid := four(t)
	n := nodes[1]
	nodes[0].fake(guid).know(2, 7)
	n.restart() // its fake has issued nothing
	if n.faultOf(guid) != api.CodeLostLog || !strings.Contains(n.fake(guid).refuses(), "recover-instance") {
		t.Fatalf("%q %q", n.faultOf(guid), n.fake(guid).refuses())
	}
	if status, body := n.ask("GET", "/readyz", ""); status != 503 || !strings.Contains(body, "recover-instance") {
		t.Errorf("readyz: %d %s", status, body)
	}
	reports, err := nodes[0].c.HealthReport(context.Background(), guid)
	if err != nil || api.Healthy(reports) || reports[1].Status != api.CodeLostLog || reports[1].Alarm == "" {
		t.Errorf("%+v %v", reports, err)
	}
	// Nobody who could accuse it answers: it stays as it is.
	nodes[0].fake(guid).know(2, 0)
	dial.cut.Store(nodes[0].AdminAddr(), true)
	n.restart()
	if n.faultOf(guid) != api.CodeLostLog {
		t.Error("it was pardoned by some only")
	}
	dial.cut.Delete(nodes[0].AdminAddr())
	n.restart()
	if n.faultOf(guid) != "" || n.fake(guid).refuses() != "" {
		t.Error("the right disk is back, but it still takes no writes:", n.fake(guid).refuses())
	}
}

// D2: a node on a disk from before it had the database is made a member again by the
// next commit, under the ID whose log the others hold.
func TestCommitOnADiskFromBefore(t *testing.T) {
	_, nodes, guid := four(t)
	n := nodes[1]
	nodes[0].fake(guid).know(2, 7)
	n.Close()
	if err := os.RemoveAll(filepath.Join(n.opts.Settings.Dir, databases, guid)); err != nil {
		t.Fatal(err)
	}
	n.start()
	nodes[0].modify(guid, setting(1000))
	eventually(t, "the instance is there", func() bool { return n.database(guid) != nil })
	eventually(t, "it was checked", func() bool { return !n.database(guid).unchecked })
	f := n.fake(guid)
	f.mu.Lock()
	admitted := f.admitted
	f.mu.Unlock()
	if n.faultOf(guid) != api.CodeLostLog || !strings.Contains(f.refuses(), "recover-instance") || admitted {
		t.Errorf("%q %q, writes were admitted: %v", n.faultOf(guid), f.refuses(), admitted)
	}
}

func TestNoticeOfALostLog(t *testing.T) {
	_, nodes, guid := four(t)
	nodes[1].fake(guid).spec.Notice(Notice{Kind: NoticeLostLog, Text: "more than here"})
	eventually(t, "the fault is there", func() bool { return nodes[1].faultOf(guid) == api.CodeLostLog })
	eventually(t, "writes are refused", func() bool { return strings.Contains(nodes[1].fake(guid).refuses(), "more than here") })
}

// D2: a copy finds out at its start that the original is alive.
func TestBootCheckFindsTheOriginal(t *testing.T) {
	_, nodes, guid := four(t)
	nodes[1].opts.Settings.BootCheck = 2 * time.Second // passes as a whole: the other stays
	f := nodes[0].fake(guid)
	f.mu.Lock()
	f.runs = map[int]uint64{2: 12345}
	f.mu.Unlock()
	nodes[1].restart()
	if !strings.Contains(nodes[1].fake(guid).refuses(), "another process") || nodes[1].faultOf(guid) != "" {
		t.Errorf("%q %q", nodes[1].fake(guid).refuses(), nodes[1].faultOf(guid))
	}
	f.mu.Lock()
	f.runs = nil
	f.mu.Unlock()
	nodes[1].restart() // the other was stopped
	if r := nodes[1].fake(guid).refuses(); r != "" {
		t.Error(r)
	}
	nodes[1].fake(guid).spec.Notice(Notice{Kind: NoticeCloned, Text: "two of them"})
	eventually(t, "it is told later", func() bool { return strings.Contains(nodes[1].fake(guid).refuses(), "two of them") })
}

// A record without its data is no instance: it does not begin anew, also when
// nobody can be asked.
func TestDataThatIsGone(t *testing.T) {
	dial, nodes, guid := four(t)
	n := nodes[1]
	for _, other := range []*testNode{nodes[0], nodes[2]} {
		dial.cut.Store(other.AdminAddr(), true)
	}
	n.Close()
	data := filepath.Join(n.opts.Settings.Dir, databases, guid, dataDir)
	if err := errors.Join(os.RemoveAll(data), os.MkdirAll(filepath.Join(data, lostFound), 0o700)); err != nil { // another disk is mounted there
		t.Fatal(err)
	}
	n.start()
	if n.faultOf(guid) != faultNoData || n.fake(guid).l != nil {
		t.Errorf("fault %q, serves %v", n.faultOf(guid), n.fake(guid).l != nil)
	}
}

func TestRecoverInstance(t *testing.T) {
	_, nodes, guid := four(t)
	n := nodes[1]
	if _, err := n.c.Recover(context.Background(), &api.Recover{Database: "cart"}); !api.IsCode(err, api.CodeConflict) {
		t.Errorf("the recovery of a healthy instance: %v", err)
	}
	nodes[0].fake(guid).know(2, 7)
	nodes[2].fake(guid).know(2, 7)
	n.restart()
	for id := 4; id <= 5; id++ { // twice: one copy is kept
		marker := filepath.Join(n.opts.Settings.Dir, databases, guid, dataDir, fmt.Sprint("of-", id))
		if err := os.WriteFile(marker, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		task := n.wait(n.c.Recover(context.Background(), &api.Recover{Database: "cart"}))
		if task.Status != api.TaskFinished || task.Operation != api.OpRecover || len(task.Warnings) == 0 {
			t.Fatalf("task: %+v", task)
		}
		agreeOn(t, guid, 2*(id-3)+1, nodes[:3]...)
		db := n.database(guid)
		if db.record.Replica != id || db.record.Fault != nil || n.fake(guid).refuses() != "" {
			t.Errorf("%+v %q", db.record, n.fake(guid).refuses())
		}
		kept, _ := os.ReadDir(filepath.Join(n.opts.Settings.Dir, asideDir, guid, dataDir))
		if len(kept) != 2 || kept[1].Name() != fmt.Sprint("of-", id) {
			t.Errorf("put aside: %v", kept)
		}
		n.fake(guid).spec.Notice(Notice{Kind: NoticeLostLog, Text: "again"})
		eventually(t, "the fault is there", func() bool { return n.faultOf(guid) != "" })
	}
}

// Who has joined and not got everything is nobody to come back from: what is put
// aside may be all there is. Nor is the last one that is well removed while it
// answers, by force or in good order.
func TestNobodyComesBackFromAPart(t *testing.T) {
	_, nodes, guid := four(t)
	for _, n := range nodes[:2] {
		n.fake(guid).spec.Notice(Notice{Kind: NoticeLostLog, Text: "more than here"})
		eventually(t, "the fault is there", func() bool { return n.faultOf(guid) == api.CodeLostLog })
	}
	task := nodes[0].modify(guid, removing(true, 3))
	if task.Status != api.TaskFailed || !strings.Contains(fmt.Sprint(task.Errors), "without it none could come back") {
		t.Errorf("the last one that is well: %+v", task)
	}
	task = nodes[2].modify(guid, removing(false, 3))
	if task.Status != api.TaskFailed || !strings.Contains(fmt.Sprint(task.Errors), "without it none could come back") || nodes[2].fake(guid).refuses() != "" {
		t.Errorf("the last one that is well, in good order: %+v", task)
	}
	part := nodes[2].fake(guid)
	part.mu.Lock()
	part.partial = true
	part.mu.Unlock()
	task = nodes[0].wait(nodes[0].c.Recover(context.Background(), &api.Recover{Database: "cart"}))
	if task.Status != api.TaskFailed || !strings.Contains(fmt.Sprint(task.Errors), "Nothing was put aside") {
		t.Errorf("the recovery from a part: %+v", task)
	}
	agreeOn(t, guid, 1, nodes[:3]...)
	nodes[0].fake(guid).know(1, 7000<<16)
	part.know(1, 9000<<16)
	task = nodes[0].modify(guid, removing(true, 3)) // no worse without it
	if want := "after 1970-01-01T00:00:07.000Z, up to 1970-01-01T00:00:09.000Z: that is lost"; task.Status != api.TaskFinished || !strings.Contains(fmt.Sprint(task.Warnings), want) {
		t.Errorf("one that is not complete: %+v", task)
	}
}

// A node whose whole directory is lost names a member.
func TestRecoverWithoutAnything(t *testing.T) {
	_, nodes, guid := four(t)
	n := nodes[1]
	n.Close()
	n.opts.Settings.Dir = t.TempDir()
	n.start()
	if _, err := n.c.Recover(context.Background(), &api.Recover{Database: "cart"}); !api.IsCode(err, api.CodeDBNotFound) || !strings.Contains(err.Error(), "--from") {
		t.Errorf("without a name: %v", err)
	}
	task := n.wait(n.c.Recover(context.Background(), &api.Recover{Database: "cart", From: nodes[2].AdminAddr()}))
	if task.Status != api.TaskFinished {
		t.Fatalf("task: %+v", task)
	}
	agreeOn(t, guid, 3, nodes[:3]...)
	if fmt.Sprint(n.members(guid)) != "[1 3 4]" {
		t.Error(n.members(guid))
	}
}

// Two of three nodes lose their directories: neither can be recovered while the
// other is a member, and what is said of it gets both out and back.
func TestRecoverTwoWithoutAnything(t *testing.T) {
	_, nodes, guid := four(t)
	for _, n := range nodes[:2] {
		n.Close()
		n.opts.Settings.Dir = t.TempDir()
		n.start()
	}
	well := nodes[2]
	from := &api.Recover{Database: "cart", From: well.AdminAddr()}
	for i, n := range nodes[:2] {
		task := n.wait(n.c.Recover(context.Background(), from))
		want := fmt.Sprintf(`this waits for instance %d (region %s)`, 2-i, nodes[1-i].opts.Settings.Region)
		way := fmt.Sprintf(`crdb-cli --node %s crdb remove-instance "cart" --instance-id %d --instance-id %d --force`, well.AdminAddr(), i+1, 2-i)
		if got := fmt.Sprint(task.Errors); task.Status != api.TaskFailed || !strings.Contains(got, want) || !strings.Contains(got, way) {
			t.Fatalf("%s is not named with the way out: %+v", nodes[1-i].opts.Settings.Region, task.Errors)
		}
	}
	port := well.database(guid).record.Database.Port(0)
	if task := well.modify(guid, removing(true, 1, 2)); task.Status != api.TaskFinished {
		t.Fatalf("task: %+v", task)
	}
	for _, n := range nodes[:2] {
		if task := n.wait(n.c.Recover(context.Background(), from)); task.Status != api.TaskFinished {
			t.Fatalf("task: %+v", task)
		}
	}
	agreeOn(t, guid, 4, nodes[:3]...)
	if fmt.Sprint(well.members(guid)) != "[3 4 5]" {
		t.Error(well.members(guid))
	}
	if d := well.database(guid).record.Database; d.Port(slices.IndexFunc(d.Instances, func(x api.Instance) bool { return x.ID == 4 })) != port {
		t.Errorf("its clients' port was %d: %+v", port, d.Instances)
	}
}

// One that is to be recovered coordinates no change: the others would decide on
// another one of the same version that forces it out. It may force out others,
// lest nobody could where it is the last.
func TestWhoIsToBeRecoveredChangesNothing(t *testing.T) {
	dial, nodes, guid := four(t)
	n := nodes[1]
	n.fake(guid).spec.Notice(Notice{Kind: NoticeLostLog, Text: "less than it had"})
	eventually(t, "the fault is there", func() bool { return n.faultOf(guid) != "" })
	for _, m := range []*api.Modify{adding(nodes[3]), removing(false, 3), {ForceUpdate: true}} {
		if _, err := n.c.Modify(context.Background(), guid, m); !api.IsCode(err, api.CodeLostLog) {
			t.Errorf("%+v: %v", m, err)
		}
	}
	agreeOn(t, guid, 1, nodes[:3]...)
	for _, gone := range []*testNode{nodes[0], nodes[2]} {
		dial.cut.Store(gone.AdminAddr(), true)
	}
	n.client.CloseIdleConnections()
	if task := n.modify(guid, removing(true, 1, 3)); task.Status != api.TaskFinished {
		t.Errorf("task: %+v", task)
	}
	if n.restart(); n.faultOf(guid) != "" || n.fake(guid).refuses() != "" { // whoever knew more is no member
		t.Errorf("the last one is not well after a restart: %q %q", n.faultOf(guid), n.fake(guid).refuses())
	}
}

// copied returns a copy of a node on another machine, to be started.
func (n *testNode) copied() *testNode {
	n.t.Helper()
	dir := filepath.Join(n.t.TempDir(), "copy")
	n.Close()
	if err := os.CopyFS(dir, os.DirFS(n.opts.Settings.Dir)); err != nil {
		n.t.Fatal(err)
	}
	n.start()
	o, h := newOptions(settings(n.opts.Settings.Region, dir), &dialer{})
	o.Settings.BootCheck = 2 * time.Second
	o.Settings.Bind = "127.0.0.2"
	return &testNode{t: n.t, host: h, opts: o}
}

// D2: a copy is sent nothing, at no moment of its start, also when it learns of newer
// members: others would take the original to have had it.
func TestACopyIsSentNothing(t *testing.T) {
	_, nodes, guid := four(t)
	beside := nodes[1].copied()
	if task := nodes[0].modify(guid, &api.Modify{ForceUpdate: true}); task.Status != api.TaskFinished {
		t.Fatalf("task: %+v", task)
	}
	beside.start()
	t.Cleanup(func() { beside.Close() })
	if v := beside.database(guid).record.Database.ConfigVersion; v != 2 {
		t.Fatalf("the copy has configuration %d", v)
	}
	f := beside.fake(guid)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.linked || len(f.ms) == 0 {
		t.Errorf("linked: %v, members: %v", f.linked, f.ms)
	}
}

// A copy cannot push its original out: the address leads to another process.
func TestRecoveryOfACopyIsRefused(t *testing.T) {
	_, nodes, guid := four(t)
	n := nodes[1]
	beside := n.copied()
	f := nodes[0].fake(guid)
	f.mu.Lock()
	f.runs = map[int]uint64{2: n.run}
	f.mu.Unlock()
	beside.start()
	t.Cleanup(func() { beside.Close() })
	if !strings.Contains(beside.fake(guid).refuses(), "another process") {
		t.Fatal("the copy takes writes")
	}
	task := beside.wait(beside.c.Recover(context.Background(), &api.Recover{Database: "cart"}))
	if task.Status != api.TaskFailed || !strings.Contains(task.Errors[0].Description, "this one is a copy") {
		t.Errorf("task: %+v", task)
	}
	agreeOn(t, guid, 1, nodes[:3]...)
}

// D2: an instance that lost log takes no write at any moment of its start, also
// when its node learns of a newer configuration before it hears of the loss.
func TestNoWriteBeforeTheBootCheck(t *testing.T) {
	_, nodes, guid := four(t)
	n := nodes[1]
	n.Close()
	if task := nodes[0].modify(guid, &api.Modify{ForceUpdate: true}); task.Status != api.TaskFinished {
		t.Fatalf("task: %+v", task)
	}
	nodes[0].fake(guid).know(2, 7)
	n.start()
	f := n.fake(guid)
	if n.faultOf(guid) != api.CodeLostLog || n.database(guid).record.Database.ConfigVersion != 2 {
		t.Fatalf("fault %q, configuration %d", n.faultOf(guid), n.database(guid).record.Database.ConfigVersion)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.admitted {
		t.Error("it could write for a moment")
	}
}

// A cut-short recovery is begun again: the old instance is removed already.
func TestRecoverOfARemovedInstance(t *testing.T) {
	_, nodes, guid := four(t)
	n := nodes[1]
	if task := nodes[0].modify(guid, removing(true, 2)); task.Status != api.TaskFinished {
		t.Fatalf("task: %+v", task)
	}
	eventually(t, "removed", func() bool { return n.database(guid).record.Status == api.StatusRemoved })
	n.restart()
	if status, body := n.ask("GET", "/readyz", ""); status != 503 || !strings.Contains(body, "was removed from database") {
		t.Errorf("readyz: %d %s", status, body)
	}
	if task := n.wait(n.c.Recover(context.Background(), &api.Recover{Database: guid, From: nodes[0].AdminAddr()})); task.Status != api.TaskFinished {
		t.Fatalf("task: %+v", task)
	}
	if status, body := n.ask("GET", "/readyz", ""); status != 200 {
		t.Errorf("readyz: %d %s", status, body)
	}
	agreeOn(t, guid, 3, nodes[:3]...)
}

// D2: an old disk does not know the members that came since, who may hold more of its
// log than all others.
func TestBootCheckAsksNewMembers(t *testing.T) {
	_, nodes, guid := four(t)
	n := nodes[1]
	n.onOldDisk(guid, func() {
		if task := nodes[0].modify(guid, adding(nodes[3])); task.Status != api.TaskFinished {
			t.Fatalf("task: %+v", task)
		}
		nodes[3].fake(guid).know(2, 7)
	})
	if n.faultOf(guid) != api.CodeLostLog {
		t.Errorf("fault %q", n.faultOf(guid))
	}
}

// onOldDisk starts the node again with the record of a database from before something
// happened.
func (n *testNode) onOldDisk(guid string, happens func()) {
	n.t.Helper()
	file := filepath.Join(n.opts.Settings.Dir, databases, guid, recordFile)
	old, err := os.ReadFile(file)
	if err != nil {
		n.t.Fatal(err)
	}
	happens()
	n.Close()
	if err := os.WriteFile(file, old, 0o600); err != nil {
		n.t.Fatal(err)
	}
	n.start()
}

// D2: an old disk may know of no other member at all, and have been left by ones that
// have come back since.
func TestBootCheckAsksWhereFormerMembersWere(t *testing.T) {
	_, nodes, guid := four(t)
	n := nodes[1]
	for _, id := range []int{1, 3} {
		if task := n.modify(guid, removing(true, id)); task.Status != api.TaskFinished {
			t.Fatalf("task: %+v", task)
		}
	}
	n.onOldDisk(guid, func() {
		back := nodes[2]
		eventually(t, "removed", func() bool { return back.database(guid).record.Status == api.StatusRemoved })
		if task := back.wait(back.c.Recover(context.Background(), &api.Recover{Database: guid, From: n.AdminAddr()})); task.Status != api.TaskFinished {
			t.Fatalf("task: %+v", task)
		}
		back.fake(guid).know(2, 7)
	})
	if n.faultOf(guid) != api.CodeLostLog {
		t.Errorf("fault %q", n.faultOf(guid))
	}
}

// Once its data is put aside, an instance is not made anew under its old ID by one who
// has missed that it is gone.
func TestPutAsideIsRemembered(t *testing.T) {
	_, nodes, guid := four(t)
	n := nodes[1]
	old := n.database(guid).record.Database.Clone()
	if task := nodes[0].modify(guid, removing(true, 2)); task.Status != api.TaskFinished {
		t.Fatalf("task: %+v", task)
	}
	if err := n.putAside(context.Background(), guid); err != nil {
		t.Fatal(err)
	}
	if err := n.Commit(context.Background(), old); !api.IsCode(err, api.CodeRemoved) || n.database(guid) != nil {
		t.Errorf("%v, %v", err, n.database(guid))
	}
}

// Data that could not be put aside when a recovery came to it is put aside when it is
// tried again: it is not taken for what a failed attempt has made.
func TestPutAsideAgain(t *testing.T) {
	_, nodes, guid := four(t)
	n := nodes[1]
	if task := nodes[0].modify(guid, removing(true, 2)); task.Status != api.TaskFinished {
		t.Fatalf("task: %+v", task)
	}
	eventually(t, "removed", func() bool { return n.database(guid).record.Status == api.StatusRemoved })
	inTheWay := filepath.Join(n.opts.Settings.Dir, asideDir)
	if err := os.WriteFile(inTheWay, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	back := func() *api.Task {
		return n.wait(n.c.Recover(context.Background(), &api.Recover{Database: guid, From: nodes[0].AdminAddr()}))
	}
	if task := back(); task.Status != api.TaskFailed {
		t.Fatalf("task: %+v", task)
	}
	if task := back(); task.Status != api.TaskFailed {
		t.Fatalf("task: %+v", task)
	}
	if err := os.Remove(inTheWay); err != nil {
		t.Fatal(err)
	}
	n.host.failOpen.Store(true)
	if task := back(); task.Status != api.TaskFailed {
		t.Fatalf("task: %+v", task)
	}
	n.host.failOpen.Store(false)
	if task := back(); task.Status != api.TaskFinished {
		t.Fatalf("task: %+v", task)
	}
	old, err := os.ReadFile(filepath.Join(inTheWay, guid, dataDir, "log"))
	if err != nil || string(old) != guid+"2" {
		t.Errorf("put aside is %q, %v", old, err)
	}
}
