package scenario

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"crdb/testbed/cluster"
)

// TestDamagedDisk damages one file of a region that is down, whichever it is, and starts the
// region again. Either the region does not need what was damaged, or it says so and an
// operator brings it back: with recover-instance, on an empty directory where the process
// ended. Nothing that was acknowledged is missing then, and no region differs. CRDB_DAMAGES is
// how often (3).
func TestDamagedDisk(t *testing.T) {
	times := 3
	if text := os.Getenv("CRDB_DAMAGES"); text != "" {
		var err error
		if times, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	for n := range times {
		t.Run(strconv.Itoa(n), damagedDisk)
	}
}

func damagedDisk(t *testing.T) {
	r := begin(t, cluster.Options{})
	region, beside := r.pair()
	for _, name := range r.c.Regions {
		r.broken[name] = true // a region that is not well has links that are not
	}
	for range r.rng.IntN(3) { // so that there is more than a log
		r.wait(200 * time.Millisecond)
		r.must(r.c.Client(region).Save(r.Context()).Err())
	}
	r.load.Stop()
	r.must(r.c.Sync(r.Context()))
	if r.rng.IntN(2) == 0 {
		r.must(r.c.Node(region).Kill())
	} else {
		r.must(r.c.Node(region).Stop())
	}
	what, err := damageFile(r.rng, r.c.Node(region).Dir)
	r.must(err)
	r.Logf("%s: %s", region, what)
	r.must(r.c.Node(region).Start())
	for range 2 {
		if err = r.syncedOrNot(region); err == nil {
			break
		}
		r.Logf("%v", err)
		r.bringBack(region, beside)
	}
	r.must(err)
	r.finish()
	if out, code := r.verify(r.Context()); code != 0 {
		r.Errorf("verify: %d\n%s", code, out)
	}
}

// syncedOrNot waits until the regions see each other's writes; an error once one needs help.
func (r *run) syncedOrNot(region string) error {
	ctx, cancel := context.WithTimeout(r.Context(), settleTimeout)
	defer cancel()
	synced := make(chan error, 1)
	go func() { synced <- r.c.Sync(ctx) }()
	trouble := make(chan error, 1)
	go func() {
		trouble <- cluster.Poll(ctx, 50*time.Millisecond, func() error {
			if !r.c.Node(region).Running() {
				return cluster.Permanent(errors.New("the process has ended"))
			}
			err := r.c.Client(region).Set(ctx, "not:taken", "x", 0).Err()
			if err != nil && (strings.HasPrefix(err.Error(), "READONLY ") || strings.HasPrefix(err.Error(), "MISCONF ")) {
				return cluster.Permanent(err)
			}
			return errors.New("no trouble")
		})
	}()
	select {
	case err := <-synced:
		return err
	case err := <-trouble:
		return err
	}
}

// bringBack is what an operator does with a region whose data are damaged.
func (r *run) bringBack(region, beside string) {
	r.Helper()
	n := r.c.Node(region)
	if !n.Running() {
		r.must(os.Rename(n.Dir, n.Dir+".damaged"))
		r.must(n.Restart(r.Context()))
	}
	r.Logf("%s", r.cli(region, "crdb", "recover-instance", cluster.DatabaseName, "--from", r.c.Node(beside).AdminAddr()))
	r.must(r.c.WaitServing(r.Context(), region))
}

// damageFile changes a file below a directory, and says which and how.
func damageFile(rng *rand.Rand, dir string) (what string, err error) {
	var files []string
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			files = append(files, path)
		}
		return err
	})
	if err != nil || len(files) == 0 {
		return "", errors.Join(err, errors.New("nothing to damage in "+dir))
	}
	path := files[rng.IntN(len(files))]
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	size := len(data)
	at := rng.IntN(size + 1)
	how := []string{"a flipped bit", "zeros", "a lost end", "more at the end", "gone"}[rng.IntN(5)]
	switch how {
	case "a flipped bit":
		if at < size {
			data[at] ^= 1 << rng.IntN(8)
		}
	case "zeros":
		clear(data[at:min(size, at+4096)])
	case "a lost end":
		data = data[:at]
	case "more at the end":
		data = append(data, make([]byte, 100+rng.IntN(5000))...)
	case "gone":
		return "gone: " + path, os.Remove(path)
	}
	return fmt.Sprintf("%s at byte %d of %d: %s", how, at, size, path), os.WriteFile(path, data, 0o600)
}
