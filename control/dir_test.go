package control

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"crdb/control/api"
	"crdb/crdt"
)

// TestFilesSurviveACrash crashes after every write and looks for what had been
// written before it.
func TestFilesSurviveACrash(t *testing.T) {
	mem := vfs.NewCrashableMem()
	d, err := openDir(mem, "/data", "us-east", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	guid := newGUID(rand.Reader)
	if err := d.mkdir(databases); err != nil {
		t.Fatal(err)
	}
	if err := d.mkdir(databases, guid); err != nil {
		t.Fatal(err)
	}
	for version := 1; version <= 5; version++ {
		r := &record{Status: api.StatusCommitted, UID: version, Database: &api.Database{GUID: guid, Name: "cart"}}
		if err := d.writeRecord(r); err != nil {
			t.Fatal(err)
		}
		if err := d.write(map[string]int{"half": version}, databases, guid, "later"); err != nil {
			t.Fatal(err)
		}
		after, err := openDir(mem.CrashClone(vfs.CrashCloneCfg{}), "/data", "us-east", rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		all, err := recordsOf(after)
		if err != nil || len(all) != 1 || all[0].UID != version || after.id != d.id {
			t.Fatalf("version %d: after the crash %+v %v", version, all, err)
		}
	}
}

// TestDropSurvivesACrash crashes in the middle of a drop; the next start
// finishes it.
func TestDropSurvivesACrash(t *testing.T) {
	mem := vfs.NewCrashableMem()
	d, err := openDir(mem, "/data", "us-east", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	guid := newGUID(rand.Reader)
	for _, dir := range [][]string{{databases}, {databases, guid}, {databases, guid, dataDir}} {
		if err := d.mkdir(dir...); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.write("log", databases, guid, dataDir, "log"); err != nil {
		t.Fatal(err)
	}
	r := &record{Status: statusDropped, Database: &api.Database{GUID: guid}}
	if err := d.writeRecord(r); err != nil {
		t.Fatal(err)
	}
	after, err := openDir(mem.CrashClone(vfs.CrashCloneCfg{}), "/data", "us-east", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if all, err := recordsOf(after); err != nil || len(all) != 0 {
		t.Fatalf("%+v %v", all, err)
	}
	if _, err := after.fs.Stat(after.at(databases, guid)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the directory is still there: %v", err)
	}
}

func TestCorruptRecords(t *testing.T) {
	for _, content := range []any{"", map[string]any{"status": "odd"}, &record{Status: api.StatusPosted, Database: &api.Database{GUID: "other"}}} {
		d, err := openDir(vfs.NewMem(), "/data", "us-east", rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		guid := newGUID(rand.Reader)
		d.mkdir(databases)
		d.mkdir(databases, guid)
		if err := d.write(content, databases, guid, recordFile); err != nil {
			t.Fatal(err)
		}
		if _, err := recordsOf(d); err == nil {
			t.Errorf("%s is taken for a record", fmt.Sprint(content))
		}
	}
}

// What a file system, a file manager or a person leaves among the databases keeps no node
// from starting. A database under another name does: its data would be missing unnoticed.
func TestStrayAmongDatabases(t *testing.T) {
	d, err := openDir(vfs.NewMem(), "/data", "us-east", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	for _, dir := range [][]string{{databases}, {databases, lostFound}, {databases, "copy"}} {
		if err := d.mkdir(dir...); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.write("", databases, ".DS_Store"); err != nil {
		t.Fatal(err)
	}
	if all, err := recordsOf(d); err != nil || len(all) != 0 {
		t.Errorf("%d records, %v", len(all), err)
	}
	if err := d.write("", databases, "copy", recordFile); err != nil {
		t.Fatal(err)
	}
	if _, err := recordsOf(d); err == nil || !strings.Contains(err.Error(), "copy") {
		t.Errorf("a database under another name: %v", err)
	}
}

// The record that an earlier build has written of a database that has had as many instances
// as it can, with a change under way, is read at the next start.
func TestLargestRecord(t *testing.T) {
	d, err := openDir(vfs.NewMem(), "/data", "us-east", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	host := strings.Repeat("h", 60) + ".example:9443"
	c := &api.Database{GUID: newGUID(rand.Reader), Name: "cart", ConfigVersion: 1}
	for id := 1; id < crdt.MaxReplicas; id++ {
		c.RemovedInstances = append(c.RemovedInstances, api.RemovedInstance{ID: id, Region: "us-east", NodeID: c.GUID, Version: id,
			Cluster: api.Cluster{Name: host, URL: "http://" + host, ReplicationEndpoint: host}})
	}
	next := &posted{Database: c}
	want := &record{Status: api.StatusCommitted, Database: c, Posted: &posted{Database: c, Over: next}}
	if err := d.mkdir(databases); err != nil {
		t.Fatal(err)
	}
	if err := d.mkdir(databases, c.GUID); err != nil {
		t.Fatal(err)
	}
	if err := d.writeRecord(want); err != nil {
		t.Fatal(err)
	}
	if all, err := recordsOf(d); err != nil || len(all) != 1 || !reflect.DeepEqual(all[0], want) {
		t.Errorf("%d records, %v", len(all), err)
	}
}

// recordsOf reads the records; one that cannot be read is an error.
func recordsOf(d *dir) (all []*record, err error) {
	all, e := d.records(func(_ *record, why error) { err = errors.Join(err, why) }, func(string) {})
	return all, errors.Join(e, err)
}

// TestStrangersAmongTheNotes: what is not called like a note of a change is none, and keeps
// no node from starting.
func TestStrangersAmongTheNotes(t *testing.T) {
	mem := vfs.NewMem()
	d, err := openDir(mem, "/data", "us-east", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.mkdir(notesDir); err != nil {
		t.Fatal(err)
	}
	guid := newGUID(rand.Reader)
	if err := d.writeNote(&note{State: api.OutcomeCommitting, Database: &api.Database{GUID: guid}}); err != nil {
		t.Fatal(err)
	}
	putFile(t, mem, d.at(notesDir, ".DS_Store"), []byte("\x00\x01"))
	putFile(t, mem, d.at(notesDir, guid+noteSuffix+tempSuffix), []byte("{"))
	all, err := d.notes()
	if err != nil || len(all) != 1 || all[0].Database.GUID != guid {
		t.Errorf("%v %v", all, err)
	}
}
