package api

import (
	"encoding/json"
	"strings"
	"testing"
)

// The largest Post there is has room in a body.
func TestLargestPost(t *testing.T) {
	host := strings.Repeat("h", maxHost)
	id, memory := "00000000-0000-4000-8000-000000000000", int64(1)<<62
	c := Cluster{Name: host + ":65535", URL: "http://" + host + ":65535", ReplicationEndpoint: host + ":65535"}
	region := strings.Repeat("r", 63)
	own := DBConfig{Port: 65535, MemorySize: &memory, EvictionPolicy: "volatile-random", AOFPolicy: "appendfsync-every-sec"}
	d := &Database{GUID: id, Name: region, ConfigID: id, ConfigVersion: 1 << 30, DefaultDBConfig: own}
	for range MaxInstances {
		d.Instances = append(d.Instances, Instance{ID: 1024, Region: region, NodeID: id, Cluster: c, DBConfig: &own, DBUID: 128})
	}
	for range 2 * MaxFormer {
		d.RemovedInstances = append(d.RemovedInstances, RemovedInstance{ID: 1024, Region: region, NodeID: id, Cluster: c, Port: 65535, Version: 1 << 30, Forced: true})
	}
	d.ForgetFormer()
	body, err := json.Marshal(&Post{Database: d, Base: d, Coordinator: c.URL, TimeoutMS: 1 << 40})
	if _, bad := c.BaseURL(); err != nil || bad != nil || len(body) > MaxBody/2 {
		t.Errorf("%d bytes, %v, %v", len(body), err, bad)
	}
}
