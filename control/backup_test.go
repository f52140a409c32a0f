package control

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"crdb/backup"
	"crdb/control/api"
)

// All members get all users, in as many calls as it takes; one that refuses
// them fails the task.
func TestUsersGoToAllMembers(t *testing.T) {
	_, nodes := three(t)
	made := nodes[0].create(describeOn("cart", nodes...))
	if made.Status != api.TaskFinished {
		t.Fatalf("%+v", made)
	}
	r, err := nodes[0].find(made.GUID)
	if err != nil {
		t.Fatal(err)
	}
	lines := []string{"user default on nopass ~* &* +@all"}
	for i := range 9 {
		lines = append(lines, fmt.Sprintf("user u%d ~%s", i, strings.Repeat("x", usersBytes/3)))
	}
	k := &task{owner: nodes[0].tasks}
	if err := nodes[0].setUsers(t.Context(), k, r.Database, lines); err != nil || len(k.api.Warnings) != 1 {
		t.Errorf("%v, %q", err, k.api.Warnings)
	}
	for _, n := range nodes {
		i := n.Instance(made.GUID).(*fakeInstance)
		if !slices.Equal(i.users, lines) {
			t.Errorf("region %s has %d users, want %d", n.opts.Settings.Region, len(i.users), len(lines))
		}
	}
	if err := nodes[0].setUsers(context.Background(), k, r.Database, []string{"user wrong"}); err == nil || len(k.api.Errors) != 3 {
		t.Errorf("%v, %+v", err, k.api.Errors)
	}
	file := nodes[1].Instance(made.GUID).(*fakeInstance).spec.Users
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := nodes[1].Drop(t.Context(), made.GUID); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the users of a database that is removed stay: %v", err)
	}
}

// A new database has the settings of the old one where it has none of its own,
// and never its ports.
func TestSettingsAreInherited(t *testing.T) {
	size, none := int64(1<<30), int64(0)
	old, err := json.Marshal(&api.Database{Name: "old", DefaultDBConfig: api.DBConfig{Port: 12000, MemorySize: &size, EvictionPolicy: "allkeys-lru", AOFPolicy: "appendfsync-always"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		config string
		own    api.DBConfig
		want   string
	}{
		{string(old), api.DBConfig{}, `{"memory_size":1073741824,"eviction_policy":"allkeys-lru","aof_policy":"appendfsync-always"}`},
		{string(old), api.DBConfig{Port: 7, MemorySize: &none, EvictionPolicy: "noeviction"}, `{"port":7,"memory_size":0,"eviction_policy":"noeviction","aof_policy":"appendfsync-always"}`},
		{"", api.DBConfig{}, `{}`},
		{`{"default_db_config":{"eviction_policy":"never"}}`, api.DBConfig{}, `eviction_policy "never" is none of`},
		{`{`, api.DBConfig{}, `the configuration in the backup: unexpected end`},
	} {
		d := &api.Database{Name: "new", DefaultDBConfig: c.own, Instances: []api.Instance{{Cluster: api.Cluster{Name: "host"}}}}
		err := inherit(d, &backup.Manifest{Config: json.RawMessage(c.config)}, []string{""})
		got, _ := json.Marshal(d.DefaultDBConfig)
		if err != nil {
			got = []byte(err.Error())
		}
		if !strings.Contains(string(got), c.want) {
			t.Errorf("%s over %s: %s, want %s", got, c.config, got, c.want)
		}
	}
}

// What one region alone had, that region gets again, unless the new database is
// given another setting for all.
func TestSettingsOfARegionAreInherited(t *testing.T) {
	size, more := int64(1<<30), int64(2<<30)
	old, err := json.Marshal(&api.Database{Name: "old", DefaultDBConfig: api.DBConfig{Port: 12000, MemorySize: &size}, Instances: []api.Instance{
		{ID: 1, Region: "us-east", DBConfig: &api.DBConfig{Port: 12000, MemorySize: &more, AOFPolicy: "appendfsync-always"}},
		{ID: 2, Region: "eu-west", DBConfig: &api.DBConfig{Port: 12000, EvictionPolicy: "allkeys-lru"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ all, own, want string }{
		{`{}`, `null`, `[{"memory_size":2147483648,"aof_policy":"appendfsync-always"},null,{"eviction_policy":"allkeys-lru"}]`},
		{`{"memory_size":0}`, `null`, `[{"aof_policy":"appendfsync-always"},null,{"eviction_policy":"allkeys-lru"}]`},
		{`{}`, `{"port":7,"aof_policy":"appendfsync-every-sec"}`, `[{"port":7,"memory_size":2147483648,"aof_policy":"appendfsync-every-sec"},null,{"eviction_policy":"allkeys-lru"}]`},
	} {
		d := &api.Database{Name: "new", Instances: make([]api.Instance, 3)}
		for i := range d.Instances {
			d.Instances[i].Cluster.Name = fmt.Sprint("host", i)
		}
		if err := errors.Join(json.Unmarshal([]byte(c.all), &d.DefaultDBConfig), json.Unmarshal([]byte(c.own), &d.Instances[0].DBConfig)); err != nil {
			t.Fatal(err)
		}
		if err := inherit(d, &backup.Manifest{Config: old}, []string{"us-east", "ap-south", "eu-west"}); err != nil {
			t.Error(err)
		}
		got, _ := json.Marshal([]*api.DBConfig{d.Instances[0].DBConfig, d.Instances[1].DBConfig, d.Instances[2].DBConfig})
		if string(got) != c.want {
			t.Errorf("%s and %s: %s, want %s", c.all, c.own, got, c.want)
		}
	}
}

// A backup for an instance that is added is looked at on the node that is to
// have it, before anything changes; the instance finds it again at every start.
func TestAddingWithABackup(t *testing.T) {
	_, nodes, guid := four(t)
	target := nodes[3]
	dir := t.TempDir()
	write := func(id string) {
		t.Helper()
		m := &backup.Manifest{Program: "crdb", Format: 1, Database: id, Name: "cart"}
		for _, name := range strings.Fields("ranges log" + fmt.Sprintf(strings.Repeat(" state-%02d", 16), 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)) {
			m.Files = append(m.Files, backup.File{Name: name})
		}
		data, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		data = append(data, '\n')
		data = fmt.Appendf(data, "sha256 %x\n", sha256.Sum256(data))
		if err := os.WriteFile(filepath.Join(dir, "MANIFEST"), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	add := func(dir string) *api.Task {
		t.Helper()
		m := adding(target)
		m.Backup = dir
		return nodes[0].wait(nodes[0].c.Modify(t.Context(), guid, m))
	}
	refused := func(dir, code, says string) {
		t.Helper()
		k := add(dir)
		if k.Status != api.TaskFailed || len(k.Errors) == 0 || k.Errors[0].Code != code || !strings.Contains(k.Errors[0].Description, says) {
			t.Errorf("%+v", k)
		}
		if v, posted := nodes[1].inForce(guid); v != 1 || posted || !target.clean() {
			t.Errorf("version %d, posted %v", v, posted)
		}
	}
	refused(dir, api.CodeDamaged, "it is no backup")
	refused("here", api.CodeBadRequest, "not an absolute path")
	refused(target.opts.Settings.Dir, api.CodeBadRequest, "data directory")
	refused("/x/.."+target.opts.Settings.Dir+"/databases/y", api.CodeBadRequest, "data directory")
	write("00000000-0000-0000-0000-000000000000")
	refused(dir, api.CodeBadRequest, "is a backup of another database: cart")
	two := &api.Modify{AddInstances: append(adding(target).AddInstances, api.Instance{Cluster: api.Cluster{Name: "other"}}), Backup: dir}
	if _, err := nodes[0].c.Modify(t.Context(), guid, two); err == nil || !strings.Contains(err.Error(), "one at a time") {
		t.Error(err)
	}
	write(guid)
	if k := add(dir); k.Status != api.TaskFinished {
		t.Fatalf("%+v", k)
	}
	for range 2 {
		if got := target.Instance(guid).(*fakeInstance).spec; got.Backup != dir || !got.Join {
			t.Errorf("%+v", got)
		}
		target.restart()
		eventually(t, "it serves", func() bool { return target.Instance(guid) != nil })
	}
}

// A backup in the data directory would keep the node from starting again, also where a
// symbolic link leads there, or the data directory is named by one.
func TestBackupThroughALink(t *testing.T) {
	n, links := startNode(t, "us-east", &dialer{}), t.TempDir()
	in, out, alias := filepath.Join(links, "in"), filepath.Join(links, "out"), filepath.Join(links, "alias")
	if err := errors.Join(os.Symlink(n.opts.Settings.Dir, in), os.Symlink(t.TempDir(), out), os.Symlink(n.opts.Settings.Dir, alias)); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{in, in + "/backups/today"} {
		if err := n.checkOutside(dir); err == nil {
			t.Errorf("%s is taken", dir)
		}
	}
	if err := n.checkOutside(out + "/backups/today"); err != nil {
		t.Error(err)
	}
	direct := n.opts.Settings.Dir
	n.Close()
	n.opts.Settings.Dir = alias
	n.start()
	if err := n.checkOutside(direct + "/backup"); err == nil {
		t.Error("the data directory is a link, and its target is taken")
	}
}
