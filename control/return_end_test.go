package control

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"crdb/control/api"
)

// Whoever purges an instance that is to come back by itself wants none here.
func TestPurgeEndsTheReturn(t *testing.T) {
	for name, aside := range map[string]bool{"put aside": true, "not yet": false} {
		t.Run(name, func(t *testing.T) {
			_, nodes, guid := four(t)
			n := nodes[1]
			ctx := context.Background()
			if aside {
				lostLog(t, n, guid)
			} else { // it was removed, and its data could not be moved
				n.Close()
				n.opts.Settings.AutoRecover = true
				if task := nodes[0].modify(guid, removing(true, 2)); task.Status != api.TaskFinished {
					t.Fatalf("task: %+v", task)
				}
				r := &returning{GUID: guid, From: []string{nodes[0].c.Base}, Replaces: 2,
					Instance: &api.Instance{Cluster: api.Cluster{Name: strings.TrimPrefix(n.c.Base, "http://")}}}
				if err := n.dir.mkdir(returnsDir); err != nil {
					t.Fatal(err)
				}
				if err := n.dir.write(r, returnsDir, guid+".json"); err != nil {
					t.Fatal(err)
				}
				n.host.failOpen.Store(false)
				n.opts.Settings.AutoRecover = false // no recovery comes before the purge
				n.start()
				n.learn(ctx, guid)
			}
			if _, err := n.c.Purge(ctx, guid, []int{3}); !api.IsCode(err, api.CodeBadRequest) {
				t.Errorf("of another instance: %v", err)
			}
			if task := n.wait(n.c.Purge(ctx, guid, []int{2})); task.Status != api.TaskFinished {
				t.Fatalf("task: %+v", task)
			}
			n.Close()
			n.opts.Settings.AutoRecover = true
			n.start()
			if all := n.toRecover(); n.missing() != "" || len(all) != 0 || !n.clean() {
				t.Errorf("it is to come back: %q %+v", n.missing(), all)
			}
			if status, body := n.ask("GET", "/readyz", ""); status != http.StatusOK {
				t.Errorf("readyz: %d %s", status, body)
			}
		})
	}
}

// A recovery that was about to begin when the instance was purged ends.
func TestRecoverByItselfAfterAPurge(t *testing.T) {
	_, nodes, guid := four(t)
	n := nodes[1]
	lostLog(t, n, guid)
	all := n.toRecover()
	if task := n.wait(n.c.Purge(context.Background(), guid, []int{2})); task.Status != api.TaskFinished || len(all) != 1 {
		t.Fatalf("task: %+v", task)
	}
	if task := n.wait(n.startRecover(request{}, all[0], true)); task.Status != api.TaskFailed || !strings.Contains(task.Errors[0].Description, "purged") {
		t.Errorf("task: %+v", task)
	}
	release := make(chan struct{})
	k, err := n.tasks.start(request{}, api.OpRecover, guid, func(context.Context, *task) error { <-release; return nil })
	if err != nil {
		t.Fatal(err)
	}
	n.mu.Lock()
	n.mu.returns[guid] = &returning{GUID: guid, Replaces: 2}
	n.mu.Unlock()
	if _, err := n.c.Purge(context.Background(), guid, []int{2}); !api.IsCode(err, api.CodeConflict) {
		t.Errorf("while it is being recovered: %v", err)
	}
	close(release)
	n.wait(k, nil)
}

// A return by itself ends when the database was deleted, also where one that was a
// member answers no more; what its former members say of that outlives their restart.
func TestRecoverByItselfEndsWithoutOneThatIsGone(t *testing.T) {
	_, nodes, guid := four(t)
	n := nodes[1]
	lostLog(t, n, guid)
	if task := nodes[0].modify(guid, removing(false, 3)); task.Status != api.TaskFinished {
		t.Fatalf("task: %+v", task)
	}
	nodes[2].Close()
	if n.isGone(context.Background(), guid) {
		t.Error("one that has left counts as a deleted database")
	}
	if del := nodes[0].wait(nodes[0].c.Delete(context.Background(), guid)); del.Status != api.TaskFinished {
		t.Fatalf("task: %+v", del)
	}
	nodes[0].restart()
	n.restart()
	eventually(t, "it is not to come back", func() bool { return n.missing() == "" })
}
