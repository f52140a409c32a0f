package refusal

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"crdb/testbed/cluster"
	"crdb/testbed/oracle"
)

// Bounds of a group that names none of its own.
const (
	usualWait   = time.Second      // the longest that a bystander waits for a reply
	usualMemory = 150              // MiB by which the node has grown when a group is over
	usualPeak   = 300              // MiB by which it has ever grown meanwhile
	replyTime   = 20 * time.Second // for what takes Redis seconds on a busy machine
	memoryTime  = 10 * time.Second
)

// line is one command of a group. Differs says why crdb's reply is not Redis's:
// then it must not be.
type line struct {
	args    []string
	differs string
}

// servers are the two servers with a connection to each.
type servers struct {
	node        *cluster.Node
	redisAddr   string
	redis, crdb *oracle.Conn
}

func startServers(t *testing.T) *servers {
	t.Helper()
	redis, stop, err := oracle.StartRedis(t.TempDir(), "--save", "", "--sanitize-dump-payload", "yes")
	if err != nil {
		t.Skipf("%v", err)
	}
	t.Cleanup(stop)
	c := cluster.StartTest(t, cluster.Options{Regions: []string{"us-east"}, Direct: true})
	b := &servers{node: c.Node("us-east"), redisAddr: redis}
	b.redis, b.crdb = dialServer(t, redis), dialServer(t, b.node.Addr())
	return b
}

func dialServer(t *testing.T, addr string) *oracle.Conn {
	t.Helper()
	c, err := oracle.Dial(addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// both sends a command to both servers.
func (b *servers) both(t *testing.T, args ...string) (redis, crdb oracle.Reply) {
	t.Helper()
	var err error
	if redis, err = b.redis.Do(args...); err != nil {
		t.Fatalf("redis: %.100q: %v", args, err)
	}
	if crdb, err = b.crdb.Do(args...); err != nil {
		t.Fatalf("crdb: %.100q: %v", args, err)
	}
	return redis, crdb
}

// play sends lines to both and compares.
func (b *servers) play(t *testing.T, lines []line) {
	t.Helper()
	for _, l := range lines {
		redis, crdb := b.both(t, l.args...)
		switch same := oracle.SameReply(l.args, redis, crdb); {
		case !same && l.differs == "":
			t.Errorf("%.200s\n redis: %.300s\n crdb:  %.300s", oracle.Line(l.args), redis, crdb)
		case same && l.differs != "":
			t.Errorf("%.200s: the replies do not differ any more: %.300s", oracle.Line(l.args), crdb)
		}
	}
}

// readLines reads a table of commands. A line that begins with "#differs " says
// why the reply to the next one differs.
func readLines(t *testing.T, file string) (lines []line) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "input", file))
	if err != nil {
		t.Fatal(err)
	}
	why := ""
	for n, s := range strings.Split(string(text), "\n") {
		if reason, ok := strings.CutPrefix(s, "#differs "); ok {
			why = reason
		}
		if s == "" || s[0] == '#' {
			continue
		}
		args, err := oracle.Words(s)
		if err != nil {
			t.Fatalf("%s, line %d: %v", file, n+1, err)
		}
		lines = append(lines, line{args, why})
		why = ""
	}
	return lines
}

// bystander asks again and again, on a connection of its own, until it is
// stopped, and keeps its longest wait.
type bystander struct {
	stop    chan struct{}
	done    sync.WaitGroup
	longest time.Duration
	err     error
}

func watch(addr string) *bystander {
	s := &bystander{stop: make(chan struct{})}
	s.done.Go(func() {
		c, err := oracle.Dial(addr)
		if err != nil {
			s.err = err
			return
		}
		defer c.Close()
		for {
			select {
			case <-s.stop:
				return
			case <-time.After(time.Millisecond):
			}
			for _, args := range [][]string{{"PING"}, {"GET", "bystander"}} {
				began := time.Now()
				if _, s.err = c.Do(args...); s.err != nil {
					return
				}
				s.longest = max(s.longest, time.Since(began))
			}
		}
	})
	return s
}

func (s *bystander) end() (time.Duration, error) {
	close(s.stop)
	s.done.Wait()
	return s.longest, s.err
}

var peakLine = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

// peak returns the most memory that a process has had since forgetPeak, in MiB.
func peak(pid int) int {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if m := peakLine.FindSubmatch(text); m != nil {
		kb, _ := strconv.Atoi(string(m[1]))
		return kb >> 10
	}
	return 0
}

func forgetPeak(pid int) { os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0) }

// resident is what the node has in memory, in MiB.
func (b *servers) resident(t *testing.T) int {
	t.Helper()
	u, err := b.node.Usage()
	if err != nil {
		t.Fatalf("the node is gone: %v", err)
	}
	return int(u.Resident >> 20)
}
