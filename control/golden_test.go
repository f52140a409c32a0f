package control

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"crdb/control/api"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the golden files")

// plain replaces what differs from run to run by names in order of appearance.
func plain(body string) string {
	for _, x := range []struct{ form, name string }{
		{`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`, "uuid"},
		{`127\.0\.0\.1:[0-9]+`, "127.0.0.1:port"},
		{`"port": ?[0-9]+`, `"port":"port`},
		{`[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z`, "time"},
	} {
		names := map[string]string{}
		body = regexp.MustCompile(x.form).ReplaceAllStringFunc(body, func(s string) string {
			if x.name == "time" { // two may be the same moment
				return x.name
			}
			if names[s] == "" {
				names[s] = fmt.Sprintf("%s-%d", x.name, len(names)+1)
				if x.name[0] == '"' {
					names[s] += `"`
				}
			}
			return names[s]
		})
	}
	var out bytes.Buffer
	if json.Indent(&out, []byte(body), "", "  ") != nil {
		return body
	}
	return out.String()
}

// The JSON of the REST interface is what programs rely on.
func TestGoldenREST(t *testing.T) {
	_, nodes, guid := four(t)
	memory := int64(1 << 30)
	m := adding(nodes[3])
	m.Update = &api.Update{DefaultDBConfig: &api.DBConfig{MemorySize: &memory, EvictionPolicy: "allkeys-lru"}}
	added := nodes[0].modify(guid, m)
	removed := nodes[0].modify(guid, removing(true, 2))
	eventually(t, "it is told", func() bool { return nodes[1].database(guid).record.Status == api.StatusRemoved })
	agreeOn(t, guid, 3, nodes[0], nodes[2], nodes[3])
	var story bytes.Buffer
	for _, c := range []struct {
		at   int
		path string
	}{
		{0, "/v1/crdb_tasks/" + added.ID},
		{0, "/v1/crdb_tasks/" + removed.ID},
		{0, "/v1/crdbs/" + guid},
		{0, "/v1/crdbs/" + guid + "/health_report"},
		{1, "/v1/crdbs"},
		{1, "/v1/crdbs/" + guid + "/health_report"},
		{1, "/v1/bdbs?fields=uid,name,status,crdt_sync"},
		{1, "/v1/bdbs/1/availability"},
		{2, "/v1/node/databases/" + guid + "/standing?replica=2&run=1"},
	} {
		status, body := nodes[c.at].ask("GET", c.path, "")
		fmt.Fprintf(&story, "%s: GET %s\n%d %s\n", nodes[c.at].opts.Settings.Region, plain(c.path), status, plain(body))
	}
	path := filepath.Join("testdata", "rest.golden")
	if *rewrite {
		if err := os.WriteFile(path, story.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || story.String() != string(want) {
		t.Errorf("got:\n%s\nwant:\n%s", story.String(), want)
	}
}
