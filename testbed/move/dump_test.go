package move

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"crdb/rdb"
	"crdb/testbed/cluster"
)

// lone starts a node with a database of its own.
func lone(t *testing.T) *cluster.Cluster {
	t.Helper()
	return cluster.StartTest(t, cluster.Options{Regions: []string{"here"}, Direct: true})
}

// cli runs crdb-cli, which must end with an exit code and say something.
func cli(t *testing.T, c *cluster.Cluster, code int, says string, args ...string) string {
	t.Helper()
	out, err := c.CLI(t.Context(), args...)
	got := 0
	if err != nil {
		exit, ok := err.(*exec.ExitError)
		if !ok {
			t.Fatal(err)
		}
		got = exit.ExitCode()
	}
	if got != code || !strings.Contains(out, says) {
		t.Errorf("crdb-cli %s: exit code %d, want %d; it says:\n%s\nwant %q", strings.Join(args, " "), got, code, out, says)
	}
	return out
}

// TestThereAndBackAgain moves everything from a redis-server into crdb and from
// there into another redis-server, whose own digest must be that of the first:
// by SAVE, and by redis-cli --rdb.
func TestThereAndBackAgain(t *testing.T) {
	dir := t.TempDir()
	source := startRedis(t, dir)
	fill(t, source)
	want := digests(t, source)
	if err := source.Save(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	c := lone(t)
	cli(t, c, 0, " keys", "crdb", "import", "--name", cluster.DatabaseName, "--file", filepath.Join(dir, "dump.rdb"))
	there := t.TempDir()
	cli(t, c, 0, "Exported:", "crdb", "export", "--name", cluster.DatabaseName, "--file", filepath.Join(there, "dump.rdb"))
	same(t, "by SAVE", digests(t, startRedis(t, there)), want)
	if _, err := exec.LookPath("redis-cli"); err != nil {
		t.Log("redis-cli is not on PATH: --rdb is left out")
		return
	}
	file := filepath.Join(t.TempDir(), "cli.rdb")
	_, port, _ := strings.Cut(source.Options().Addr, ":")
	if out, err := exec.Command("redis-cli", "-p", port, "--rdb", file).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	cli(t, c, 0, `"status": "finished"`, "crdb", "import", cluster.DatabaseName, "--file", file, "--flush", "-o", "json")
	again := t.TempDir()
	cli(t, c, 0, "Exported:", "crdb", "export", cluster.DatabaseName, "--file", filepath.Join(again, "dump.rdb"))
	same(t, "by redis-cli --rdb", digests(t, startRedis(t, again)), want)
}

// old is a file as Redis 2.4 to 6.2 wrote it: zipmap, ziplists, a quicklist of
// ziplists, scores as text, deadlines in seconds.
func old() []byte {
	b := []byte("REDIS0009\xfa\x09redis-ver\x055.0.7\xfe\x00\xfb\x06\x01")
	b = append(b, "\x09\x02zm\x0f\x02\x01a\x01\x001\x02bb\x02\x0122\x00\xff"...)
	zip := "\x18\x00\x00\x00\x13\x00\x00\x00\x04\x00\x00\x01a\x03\xf2\x02\x02bb\x04\xc0\xe8\x03\xff"
	b = append(append(append(b, "\x0d\x02hz"...), byte(len(zip))), zip...)
	b = append(append(append(b, "\x0c\x02zz"...), byte(len(zip))), zip...)
	b = append(append(append(b, "\x0a\x02lz"...), byte(len(zip))), zip...)
	b = append(append(append(b, "\x0e\x02ql\x02"...), byte(len(zip))), zip...)
	b = append(append(b, byte(len(zip))), zip...)
	b = append(b, "\xfd\xff\xff\xff\x7f\x03\x02zt\x02\x01a\x032.5\x01b\xfe"...)
	b = append(b, 0xff)
	crc := rdb.Checksum(0, b)
	for range 8 {
		b = append(b, byte(crc))
		crc >>= 8
	}
	return b
}

// TestOldEncodings: a file of old versions means to crdb what it means to
// redis-server.
func TestOldEncodings(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "dump.rdb")
	if err := os.WriteFile(file, old(), 0o600); err != nil {
		t.Fatal(err)
	}
	want := digests(t, startRedis(t, dir))
	c := lone(t)
	cli(t, c, 0, "6 keys", "crdb", "import", cluster.DatabaseName, "--file", file)
	there := t.TempDir()
	cli(t, c, 0, "6 keys", "crdb", "export", cluster.DatabaseName, "--file", filepath.Join(there, "dump.rdb"))
	same(t, "old encodings", digests(t, startRedis(t, there)), want)
}

// TestBadFiles: a damaged file is refused before anything is written, with the
// place of the damage.
func TestBadFiles(t *testing.T) {
	c := lone(t)
	dir := t.TempDir()
	good := old()
	damaged := bytes.Clone(good)
	damaged[len(damaged)-1] ^= 1
	for _, row := range []struct {
		name, says string
		data       []byte
	}{
		{"empty", "at byte 0: not a dump file", nil},
		{"text", "not a dump file", []byte("*3\r\n$3\r\nSET\r\n")},
		{"short", "the data ends too soon", good[:len(good)/2]},
		{"damaged", "the checksum is wrong", damaged},
		{"module", "data of a module", []byte("REDIS0009\xf7\x81")},
	} {
		file := filepath.Join(dir, row.name)
		if err := os.WriteFile(file, row.data, 0o600); err != nil {
			t.Fatal(err)
		}
		cli(t, c, 1, row.says, "crdb", "import", cluster.DatabaseName, "--file", file)
	}
	cli(t, c, 1, "no such file", "crdb", "import", cluster.DatabaseName, "--file", filepath.Join(dir, "missing"))
	cli(t, c, 2, "file", "crdb", "import", cluster.DatabaseName)
	cli(t, c, 2, "none of the others can be", "crdb", "import", cluster.DatabaseName, "--file", "x", "--flush", "--merge")
	cl := c.Client("here")
	if n := cl.DBSize(t.Context()).Val(); n != 0 {
		t.Errorf("%d keys are there", n)
	}
	file := filepath.Join(dir, "good")
	if err := os.WriteFile(file, good, 0o600); err != nil {
		t.Fatal(err)
	}
	cl.Set(t.Context(), "mine", "1", 0)
	cli(t, c, 1, "is not empty", "crdb", "import", cluster.DatabaseName, "--file", file)
	cli(t, c, 0, "6 keys", "crdb", "import", cluster.DatabaseName, "--file", file, "--merge")
	cli(t, c, 1, "is there already", "crdb", "export", cluster.DatabaseName, "--file", file)
	cli(t, c, 0, "7 keys", "crdb", "export", cluster.DatabaseName, "--file", file, "--force")
}

// small is a directory on a file system with little room.
func small(t *testing.T, bytes int) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprint("size=", bytes)); err != nil {
		t.Skipf("no file system of a size can be made here: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, 0) })
	return dir
}

// left lists what is in a directory.
func left(t *testing.T, dir string) (names []string) {
	t.Helper()
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		names = append(names, e.Name())
	}
	return names
}

// TestExportToAFullDisk says so and leaves nothing behind.
func TestExportToAFullDisk(t *testing.T) {
	dir := small(t, 64<<10)
	c := lone(t)
	c.Client("here").Set(t.Context(), "big", strings.Repeat("x", 1<<20), 0)
	cli(t, c, 1, "no space left on device", "crdb", "export", cluster.DatabaseName, "--file", filepath.Join(dir, "dump.rdb"))
	if names := left(t, dir); len(names) > 0 {
		t.Errorf("left behind: %v", names)
	}
}
