package control

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"crdb/control/api"
)

// journal is a log that may be read while it is written.
type journal struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.Write(b)
}

func (j *journal) lines(what string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Count(j.buf.String(), what)
}

// TestAMemberThatStaysAwayIsNamedRarely: a change that waits for it is looked after in
// every round of the finisher, and warned of in few of them. The next change that waits is
// told of anew.
func TestAMemberThatStaysAwayIsNamedRarely(t *testing.T) {
	dial, nodes, guid := four(t)
	var log journal
	nodes[0].opts.Logger = slog.New(slog.NewTextHandler(&log, nil))
	nodes[0].restart()
	away := nodes[2].AdminAddr()
	cut := func(memory int64) {
		dial.cut.Store(away, true)
		nodes[0].client.CloseIdleConnections()
		if task := nodes[0].modify(guid, setting(memory)); task.Status != api.TaskFinished {
			t.Fatalf("task: %+v", task)
		}
	}
	cut(5)
	eventually(t, "64 rounds have dialled the one that is away", func() bool {
		nodes[0].finishNotes() // does nothing while another works on the note
		return log.lines("times=64") > 0
	})
	shown := log.lines(changeWaits)
	if shown < 7 || shown > 12 {
		t.Errorf("%d warnings", shown)
	}
	dial.cut.Delete(away)
	agreeOn(t, guid, 2, nodes[:3]...)
	eventually(t, "the note is gone", func() bool { x, _ := nodes[0].dir.notes(); return len(x) == 0 })
	cut(6)
	eventually(t, "the next one is told of", func() bool { return log.lines(changeWaits) > shown })
}

// TestARemovalIsToldOnce: a node that hears of it at its start says so once, though it is
// found before the instance serves and met again when it does.
func TestARemovalIsToldOnce(t *testing.T) {
	_, nodes, guid := four(t)
	away := nodes[2]
	away.Close()
	if task := nodes[0].modify(guid, &api.Modify{RemoveInstances: []int{3}, ForceRemove: true}); task.Status != api.TaskFinished {
		t.Fatalf("task: %+v", task)
	}
	for range 2 { // every start tells
		var log journal
		away.opts.Logger = slog.New(slog.NewTextHandler(&log, nil))
		away.restart()
		if n := log.lines("an instance takes no writes"); n != 1 {
			t.Errorf("told %d times", n)
		}
	}
}
