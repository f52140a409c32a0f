package control

import (
	"bytes"
	"crypto/rand"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"crdb/control/api"
)

// TestDamagedFiles: what a flipped bit or a lost end makes of a node's file is never read as
// something else.
func TestDamagedFiles(t *testing.T) {
	mem := vfs.NewMem()
	d, err := openDir(mem, "/data", "us-east", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	want := record{Status: api.StatusCommitted, UID: 12, Replica: 3, Port: 6379, Database: &api.Database{GUID: newGUID(rand.Reader), Name: "cart"}}
	if err := d.write(&want, "file"); err != nil {
		t.Fatal(err)
	}
	data := fileBytes(t, mem, d.at("file"))
	read := func(what string, damaged []byte) error {
		putFile(t, mem, d.at("file"), damaged)
		var r record
		err := d.read(&r, "file")
		switch {
		case err == nil && !reflect.DeepEqual(r, want):
			t.Errorf("%s: read as %+v", what, r)
		case err != nil && !strings.Contains(err.Error(), d.at("file")+" is corrupt: "):
			t.Errorf("%s: %v", what, err)
		}
		return err
	}
	for at := range data {
		for bit := range 8 {
			flipped := bytes.Clone(data)
			flipped[at] ^= 1 << bit
			read("a flipped bit", flipped)
		}
		read("a lost end", data[:at])
	}
	if err := read("as an earlier build wrote it", data[:strings.LastIndex(string(data), sumLine)]); err != nil {
		t.Error(err)
	}
}

func fileBytes(t *testing.T, fs vfs.FS, path string) []byte {
	t.Helper()
	f, err := fs.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func putFile(t *testing.T, fs vfs.FS, path string, data []byte) {
	t.Helper()
	f, err := fs.Create(path, vfs.WriteCategoryUnspecified)
	if err == nil {
		_, err = f.Write(bytes.Clone(data)) // in a race build Pebble's file spoils what it was given
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}
