package compose

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"crdb/testbed/cluster"
)

// patience is how long regions may take to agree after a heal: connections to
// a region whose address changed must be noticed as dead first.
const patience = 60 * time.Second

var regions = []string{"us-east", "eu-west", "ap-south"}

// stack is the containers of one test, with names and ports of their own.
type stack struct {
	*testing.T
	env     []string
	clients map[string]*redis.Client
}

// TestPartition cuts us-east off from both others, writes everywhere, sees
// that the links were cut, heals, and sees every write merged.
func TestPartition(t *testing.T) {
	if out, err := exec.Command("docker", "info").CombinedOutput(); err != nil {
		t.Skipf("LEFT OUT: no Docker engine answers, so the Compose scenario did not run: %v\n%s", err, out)
	}
	s := start(t)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	s.write(ctx, "us-east", 1)
	s.eventually(ctx, "before the cut", "1", []string{"us-east-1"})

	s.script("partition", "us-east", "eu-west")
	s.script("partition", "us-east", "ap-south")
	for i, region := range regions {
		s.write(ctx, region, 10*int64(i+1))
	}
	// Each of the others sees the other's write, but not that of us-east.
	for _, region := range regions[1:] {
		s.shows(ctx, region, "51", []string{"ap-south-30", "eu-west-20", "us-east-1"})
	}
	s.shows(ctx, "us-east", "11", []string{"us-east-1", "us-east-10"})

	s.script("heal")
	began := time.Now()
	s.eventually(ctx, "after the heal", "61", []string{"ap-south-30", "eu-west-20", "us-east-1", "us-east-10"})
	t.Logf("agreed %v after the heal", time.Since(began).Round(time.Millisecond))
}

// start builds the image and starts three regions.
func start(t *testing.T) *stack {
	s := &stack{T: t, clients: map[string]*redis.Client{}}
	prefix := fmt.Sprintf("crdbtest%d", os.Getpid())
	s.env = append(os.Environ(), "CRDB_PREFIX="+prefix, "CRDB_IMAGE="+prefix+":test")
	for region, name := range map[string]string{"us-east": "US_EAST_PORT", "eu-west": "EU_WEST_PORT", "ap-south": "AP_SOUTH_PORT"} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addr := l.Addr().String()
		l.Close()
		_, port, _ := net.SplitHostPort(addr)
		s.env = append(s.env, name+"="+port)
		s.clients[region] = redis.NewClient(&redis.Options{Addr: addr, MaxRetries: -1})
		t.Cleanup(func() { s.clients[region].Close() })
	}
	s.run("make", "image", "IMAGE="+prefix+":test")
	t.Cleanup(func() {
		for _, region := range regions {
			if t.Failed() {
				out, _ := exec.Command("docker", "logs", "--tail", "40", prefix+"-"+region).CombinedOutput()
				t.Logf("--- log of %s\n%s", region, out)
			}
		}
		s.script("down")
		s.run("docker", "rmi", prefix+":test")
	})
	s.script("up")
	return s
}

// run runs a program from the module's root.
func (s *stack) run(name string, args ...string) {
	s.Helper()
	root, err := cluster.ModuleRoot()
	if err != nil {
		s.Fatal(err)
	}
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = root, s.env
	if out, err := cmd.CombinedOutput(); err != nil {
		s.Errorf("%s %q: %v\n%s", name, args, err, out)
		s.FailNow()
	}
}

func (s *stack) script(args ...string) {
	s.Helper()
	s.run("testbed/compose/regions.sh", args...)
}

// write adds to the counter and to the set in one region.
func (s *stack) write(ctx context.Context, region string, n int64) {
	s.Helper()
	cl := s.clients[region]
	if err := cl.IncrBy(ctx, "counter", n).Err(); err != nil {
		s.Fatalf("write in %s: %v", region, err)
	}
	if err := cl.SAdd(ctx, "set", fmt.Sprintf("%s-%d", region, n)).Err(); err != nil {
		s.Fatalf("write in %s: %v", region, err)
	}
}

// shows waits until a region shows these values.
func (s *stack) shows(ctx context.Context, region, counter string, members []string) {
	s.Helper()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	cl := s.clients[region]
	err := cluster.Poll(ctx, 50*time.Millisecond, func() error {
		n, err := cl.Get(ctx, "counter").Result()
		if err != nil {
			return err
		}
		got, err := cl.SMembers(ctx, "set").Result()
		slices.Sort(got)
		if err != nil || n != counter || !slices.Equal(got, members) {
			return fmt.Errorf("%s shows counter %s and set %q, %v; want %s and %q", region, n, got, err, counter, members)
		}
		return nil
	})
	if err != nil {
		s.Fatal(err)
	}
}

func (s *stack) eventually(ctx context.Context, when, counter string, members []string) {
	s.Helper()
	s.Logf("%s: counter %s, set %q expected everywhere", when, counter, members)
	for _, region := range regions {
		s.shows(ctx, region, counter, members)
	}
}
