package control

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"crdb/control/api"
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
		all, err := after.records()
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
	if all, err := after.records(); err != nil || len(all) != 0 {
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
		if _, err := d.records(); err == nil {
			t.Errorf("%s is taken for a record", fmt.Sprint(content))
		}
	}
}
