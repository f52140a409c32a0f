package host

import (
	"reflect"
	"testing"

	"crdb/control/api"
	"crdb/peer"
)

// What is held for want of others is named with the regions whose operations are
// missing.
func TestStuckHealth(t *testing.T) {
	if stuckHealth(nil, nil, 0) != nil {
		t.Error("nothing is held, and it shows")
	}
	s := &peer.Stuck{Blocks: 2, Bytes: 9, After: 1, Last: 2, Since: 1e9, Missing: []peer.Missing{{Replica: 3, Here: 4, Needs: 5}, {Replica: 7, Needs: 6}}}
	got := stuckHealth(s, []peer.LinkStatus{{Replica: 2, Region: "a"}, {Replica: 3, Region: "b"}}, 61.5e9)
	want := &api.StuckHealth{Blocks: 2, Bytes: 9, After: 1, Last: 2, Seconds: 60.5, Missing: []api.MissingPart{{ID: 3, Region: "b", Here: 4, Needed: 5}, {ID: 7, Needed: 6}}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	if report := (api.HealthReport{ActiveConfigVersion: 1, Connections: []api.ConnectionHealth{{Status: api.LinkUp, Stuck: got}}}); api.Healthy([]api.HealthReport{report}) {
		t.Error("healthy though operations are held")
	}
}
