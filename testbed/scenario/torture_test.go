package scenario

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"crdb/testbed/cluster"
)

// TestTorture goes on for CRDB_TORTURE (a duration; without it the test is left
// out): five regions under load, trouble of all kinds at once, round after round.
// After each round all is healed and must catch up; goroutines, memory and disk
// must not grow from round to round. At the end the regions are compared and
// judged by the model of acknowledged writes.
func TestTorture(t *testing.T) {
	long, err := time.ParseDuration(os.Getenv("CRDB_TORTURE"))
	if err != nil {
		t.Skip("left out: set CRDB_TORTURE to how long it is to last, such as 1h")
	}
	dir := t.TempDir()
	full := "ca-west"
	small := smallDisk(t, filepath.Join(dir, full))
	r := &torture{run: begin(t, cluster.Options{
		Fsync: "always", Dir: dir, Spare: []string{spare},
		Regions: []string{"us-east", "eu-west", "ap-south", "ap-north", full},
		Spaces:  true, Clocks: true,
	}), full: full, small: small, faults: map[string]int{}}
	if r.c.Spaces == nil {
		t.Logf("no network namespaces in this run, only proxies: %v", r.c.NoSpaces)
	} else {
		t.Logf("a network namespace for each node; netem: %v, tbf: %v", r.c.Spaces.Netem, r.c.Spaces.Tbf)
	}
	r.load.Model.Skew = 2 * mostSkew
	for _, region := range r.c.Regions {
		r.load.AddRest(r.c, region)
	}
	// Killed at any time, so clients anywhere may see errors.
	for _, region := range append(slices.Clone(r.c.Regions), spare) {
		r.broken[region] = true
	}
	for end := time.Now().Add(long); time.Now().Before(end); {
		r.round()
	}
	r.plateau()
	r.finish()
	if out, code := r.verify(t.Context()); code != 0 {
		t.Errorf("verify: exit code %d\n%s", code, out)
	}
	t.Logf("%d rounds, the longest catching up %v, faults: %v", r.rounds, r.longest.Round(time.Millisecond), r.faults)
}

type torture struct {
	*run
	full    string // the region whose disk is small
	small   bool   // it is
	member  bool   // the spare region is a member
	rounds  int
	faults  map[string]int
	longest time.Duration // that catching up took
	samples []sample      // after each round
}

// trouble makes some and says of what kind, "" if it could not; undo may be nil.
type trouble = func() (name string, undo func())

// sample is what a process uses in a quiet moment.
type sample struct {
	goroutines, resident, disk float64
}

// smallDisk puts a small file system at dir, where the tests may mount one.
func smallDisk(t *testing.T, dir string) bool {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=600m", "tmpfs", dir).CombinedOutput(); err != nil {
		t.Logf("no full disk in this run: mount: %v %s", err, out)
		return false
	}
	t.Cleanup(func() { exec.Command("umount", "-l", dir).Run() })
	return true
}

// round brings some trouble over the regions, heals all, and looks.
func (r *torture) round() {
	kinds := []trouble{
		r.cut, r.cutOneWay, r.hold, r.delay, r.slow, r.damage, r.reset, r.isolate, r.killOne, r.stopOne, r.pauseOne, r.fillDisk, r.change, r.skew,
	}
	kinds = append(kinds, r.inSpaces()...)
	var undo []func()
	for range 1 + r.rng.IntN(5) {
		name, u := kinds[r.rng.IntN(len(kinds))]()
		if name != "" {
			r.faults[name]++
			undo = append(undo, u)
		}
		r.wait(time.Duration(r.rng.IntN(1500)) * time.Millisecond)
	}
	r.wait(time.Duration(r.rng.IntN(3000)) * time.Millisecond)
	r.heal() // first: a node that starts without its cable is never ready
	for _, u := range undo {
		if u != nil {
			u()
		}
	}
	began := time.Now()
	ctx, cancel := context.WithTimeout(r.Context(), 2*patience)
	defer cancel()
	if err := r.syncIn(ctx, patience); err != nil {
		r.Fatalf("round %d (%v): the healed regions do not catch up: %v", r.rounds, r.faults, err)
	}
	r.longest = max(r.longest, time.Since(began))
	r.rounds++
	r.sample(ctx)
}

// patience is how long healed regions may take to catch up, on a machine that
// has other work.
const patience = 2 * time.Minute

func (r *torture) syncIn(ctx context.Context, d time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	return r.c.Sync(ctx)
}

func (r *torture) cut() (string, func()) {
	a, b := r.pair()
	r.c.Net.Cut(a, b)
	return "cut", nil
}

func (r *torture) cutOneWay() (string, func()) {
	a, b := r.pair()
	r.c.Net.CutOneWay(a, b)
	return "one-way cut", nil
}

func (r *torture) hold() (string, func()) {
	a, b := r.pair()
	r.c.Net.Hold(a, b)
	return "hold", nil
}

func (r *torture) delay() (string, func()) {
	a, b := r.pair()
	r.c.Net.Delay(a, b, time.Duration(r.rng.IntN(300))*time.Millisecond)
	return "delay", nil
}

func (r *torture) slow() (string, func()) {
	a, b := r.pair()
	r.c.Net.Bandwidth(a, b, 2000+r.rng.IntN(50_000))
	return "slow link", nil
}

func (r *torture) damage() (string, func()) {
	a, b := r.pair()
	r.c.Net.Damage(a, b, 5+r.rng.IntN(50))
	return "damage", nil
}

func (r *torture) reset() (string, func()) {
	a, b := r.pair()
	r.c.Net.Reset(a, b)
	return "reset", nil
}

func (r *torture) isolate() (string, func()) {
	r.c.Net.Isolate(r.region())
	return "isolate", nil
}

func (r *torture) killOne() (string, func()) {
	region := r.region()
	if !r.c.Node(region).Running() {
		return "", nil
	}
	r.kill(region)
	return "kill", func() { r.restart(region) }
}

func (r *torture) stopOne() (string, func()) {
	region := r.region()
	if !r.c.Node(region).Running() {
		return "", nil
	}
	r.stop(region)
	return "stop", func() { r.restart(region) }
}

func (r *torture) pauseOne() (string, func()) {
	region := r.region()
	if !r.c.Node(region).Running() {
		return "", nil
	}
	r.must(r.c.Node(region).Pause())
	r.wait(time.Duration(r.rng.IntN(2000)) * time.Millisecond)
	r.must(r.c.Node(region).Resume())
	return "pause", nil
}

// fillDisk leaves a region's disk with too little room for a while.
func (r *torture) fillDisk() (string, func()) {
	if !r.small || !r.c.Node(r.full).Running() || r.isFull() {
		return "", nil
	}
	// dd ends with an error when the disk is full: that is what it is for.
	exec.Command("dd", "if=/dev/zero", "of="+r.ballast(), "bs=1M").Run()
	return "full disk", func() { r.must(os.Remove(r.ballast())) }
}

// ballast is the file that fills the disk.
func (r *torture) ballast() string { return filepath.Join(r.c.Node(r.full).Dir, "ballast") }

func (r *torture) isFull() bool {
	_, err := os.Stat(r.ballast())
	return err == nil
}

// change adds the spare region to the database, or takes it out.
func (r *torture) change() (string, func()) {
	if r.isFull() {
		return "", nil // that region takes no writes, so that nobody can tell when all have caught up
	}
	for _, region := range r.c.Regions {
		if !r.c.Node(region).Running() {
			return "", nil // a change waits for members that are down
		}
	}
	r.heal()
	for _, region := range append(slices.Clone(r.c.Regions), spare) {
		r.must(r.c.Node(region).SetClock(0)) // a wrong clock is a reason to refuse a change
	}
	if err := r.syncIn(r.Context(), patience); err != nil {
		r.Fatalf("before a change of members: %v", err)
	}
	if r.member {
		r.cli("us-east", "crdb", "remove-instance", cluster.DatabaseName, "--instance-id", r.replicaOf(spare))
		r.c.Regions = slices.DeleteFunc(slices.Clone(r.c.Regions), func(x string) bool { return x == spare })
		r.member = false
		return "region removed", nil
	}
	r.cli("eu-west", "crdb", "add-instance", cluster.DatabaseName, "--instance", r.c.Node(spare).Instance())
	r.c.Regions = append(r.c.Regions, spare)
	r.must(r.c.WaitServing(r.Context(), spare))
	r.member = true
	return "region added", nil
}

// replicaOf returns the replica ID of a region, from crdb list.
func (r *torture) replicaOf(region string) string {
	for _, line := range strings.Split(r.cli("us-east", "crdb", "list"), "\n") {
		f := strings.Fields(line)
		if i := slices.Index(f, region); i > 1 {
			return f[i-2]
		}
	}
	r.Fatalf("%s is not listed", region)
	return ""
}

// sample adds up what the processes of the first regions use. The spare one is
// left out: it comes and goes.
func (r *torture) sample(ctx context.Context) {
	var s sample
	for _, region := range r.c.Regions[:5] {
		text, err := r.c.Node(region).Get(ctx, "/metrics")
		r.must(err)
		for _, line := range strings.Split(text, "\n") {
			name, value, _ := strings.Cut(line, " ")
			v, _ := strconv.ParseFloat(value, 64)
			switch {
			case name == "go_goroutines":
				s.goroutines += v
			case name == "process_resident_memory_bytes":
				s.resident += v
			case strings.HasPrefix(name, "crdb_log_disk_bytes{"):
				s.disk += v
			}
		}
	}
	r.samples = append(r.samples, s)
}

// plateau compares the last rounds with the first ones: what load and data
// need is there early.
func (r *torture) plateau() {
	n := len(r.samples)
	if n < 8 {
		r.Logf("%d rounds are too few to speak of a plateau", n)
		return
	}
	most := func(all []sample) (m sample) {
		for _, s := range all {
			m = sample{max(m.goroutines, s.goroutines), max(m.resident, s.resident), max(m.disk, s.disk)}
		}
		return m
	}
	early, late := most(r.samples[:n/2]), most(r.samples[n/2:])
	r.Logf("at most, first half and second half: goroutines %.0f and %.0f, memory %.0f and %.0f MB, disk %.0f and %.0f MB",
		early.goroutines, late.goroutines, early.resident/1e6, late.resident/1e6, early.disk/1e6, late.disk/1e6)
	for what, pair := range map[string][2]float64{
		"goroutines": {late.goroutines, early.goroutines*1.2 + 100},
		"memory":     {late.resident, early.resident*1.5 + 200e6},
		"disk":       {late.disk, early.disk*2 + 500e6},
	} {
		if pair[0] > pair[1] {
			r.Errorf("%s grows: %s", what, fmt.Sprint(pair))
		}
	}
}
