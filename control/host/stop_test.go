package host

import (
	"bufio"
	"bytes"
	"context"
	crand "crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"crdb/control"
	"crdb/control/conf"
)

// logBuffer is what a node has logged.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// single opens a node with one database on a port that stays.
func single(t *testing.T, s *conf.Settings) (*control.Node, *logBuffer) {
	t.Helper()
	s.Database = "cart"
	if s.Port == 0 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		s.Port = l.Addr().(*net.TCPAddr).Port
		l.Close()
	}
	log := &logBuffer{}
	n, err := control.Open(control.Options{Settings: s, Now: time.Now, Rand: crand.Reader,
		Dial: func(ctx context.Context, a string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", a)
		},
		Logger:   slog.New(slog.NewTextHandler(log, nil)),
		OpenHost: Opener(Options{Mono: func() int64 { return int64(time.Since(begun)) }, Rand: rand.Uint64}),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	return n, log
}

func dial(t *testing.T, port int) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", "127.0.0.1:"+strconv.Itoa(port))
	if err != nil {
		t.Fatal(err)
	}
	c.SetDeadline(time.Now().Add(60 * time.Second))
	t.Cleanup(func() { c.Close() })
	return c
}

// TestOrderlyStop: a client that pipelines and reads late gets the replies of
// all that was executed, no more and no less; the next start replays nothing.
func TestOrderlyStop(t *testing.T) {
	s := settings(t, "us-east")
	n, _ := single(t, s)
	c := dial(t, s.Port)
	go io.WriteString(c, strings.Repeat("INCR n\r\n", 1<<20)) // more than is executed before the stop
	eventuallyNot(t, s.Port, "GET n", "$-1")
	stopped := make(chan error, 1)
	go func() { stopped <- n.Close() }()
	last, r := 0, bufio.NewReader(c)
	for {
		line, err := r.ReadString('\n')
		if err == io.EOF && line == "" {
			break
		}
		if err != nil {
			t.Fatalf("after %d replies: %q %v", last, line, err)
		}
		if last++; line != fmt.Sprintf(":%d\r\n", last) {
			t.Fatalf("reply %d is %q", last, line)
		}
	}
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
	n, log := single(t, s)
	if got := ask(t, s.Port, "GET n"); got != strconv.Itoa(last) {
		t.Errorf("%d replies, and n is %s", last, got)
	}
	if !strings.Contains(log.String(), "replayed_ops=0 ") {
		t.Error(log)
	}
	n.Close()
}

// TestStopWithOneThatNeverReads: it is waited for as long as shutdown-timeout
// says, and then the node stops as well as ever.
func TestStopWithOneThatNeverReads(t *testing.T) {
	s := settings(t, "us-east")
	s.Redis = append(s.Redis, conf.RedisSetting{Name: "shutdown-timeout", Value: "1"})
	n, log := single(t, s)
	c := dial(t, s.Port)
	fmt.Fprintf(c, "SETRANGE big 1000000 x\r\nMULTI\r\n%sSET all read\r\nEXEC\r\n", strings.Repeat("GET big\r\n", 64))
	eventually(t, s.Port, "EXISTS all", ":1") // all at once: some of it might fit into the kernel
	begin := time.Now()
	if err := n.Close(); err != nil {
		t.Error(err)
	}
	if d := time.Since(begin); d < time.Second || d > 20*time.Second {
		t.Errorf("it took %v", d)
	}
	if !strings.Contains(log.String(), "clients have not read their replies") {
		t.Error(log)
	}
	_, log = single(t, s)
	if !strings.Contains(log.String(), "replayed_ops=0 ") {
		t.Error(log)
	}
}

// TestStopLetsBlockedClientsGo: a client in BLPOP or SUBSCRIBE does not hold
// the stop up.
func TestStopLetsBlockedClientsGo(t *testing.T) {
	s := settings(t, "us-east")
	n, log := single(t, s)
	for _, line := range []string{"BLPOP q 0\r\n", "SUBSCRIBE c\r\n", "PING\r\nMULTI\r\nSET k v\r\n"} {
		fmt.Fprint(dial(t, s.Port), line)
	}
	n.Close()
	if strings.Contains(log.String(), "clients have not read") {
		t.Error(log)
	}
}

func eventuallyNot(t *testing.T, port int, command, but string) {
	t.Helper()
	for late := time.Now().Add(30 * time.Second); ask(t, port, command) == but; {
		if time.Now().After(late) {
			t.Fatalf("%s is still %q", command, but)
		}
	}
}
