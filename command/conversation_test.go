package command

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var rewrite = flag.Bool("rewrite", false, "write the replies into testdata: redis-server's, or ours for lines marked with !")

// step is one line of a conversation: what a client says and what it hears.
//
//	a: SET k v      client a; redis-server 7.0 replies the same
//	a! INFO crdt    client a; only we reply so
//	a: +            nothing is sent: what has come by itself
//	> advance 100ms the test's own doing: time passes, other regions acknowledge
//
// Replies follow, one line of the protocol each.
type step struct {
	text   string // as in the file, for rewriting
	client string
	line   string
	own    bool
	want   string
}

func (s step) wants() string { return strings.ReplaceAll(s.want, "\n", "\r\n") }

func readConversation(t *testing.T, file string) (head string, steps []step) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	sc := bufio.NewScanner(bytes.NewReader(text))
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		line := sc.Text()
		switch {
		case strings.HasPrefix(line, "#") && len(steps) == 0:
			head += line + "\n"
		case strings.HasPrefix(line, "> "):
			steps = append(steps, step{text: line, line: line[2:]})
		case len(line) > 3 && line[0] >= 'a' && line[0] <= 'z' && (line[1] == ':' || line[1] == '!') && line[2] == ' ':
			steps = append(steps, step{text: line, client: line[:1], own: line[1] == '!', line: line[3:]})
		case len(steps) > 0:
			steps[len(steps)-1].want += line + "\n"
		}
	}
	return head, steps
}

func TestConversations(t *testing.T) {
	files, _ := filepath.Glob("testdata/*.txt")
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			head, steps := readConversation(t, file)
			var real *realRedis
			if *rewrite {
				real = startRedis(t)
			}
			w := newWorld(t)
			for i := range steps {
				s := &steps[i]
				got := w.play(s)
				if *rewrite {
					s.want = strings.ReplaceAll(got, "\r\n", "\n")
					if s.client != "" {
						if says := real.play(s); !s.own {
							got = says
						}
					}
					s.want = strings.ReplaceAll(got, "\r\n", "\n")
					continue
				}
				if got != s.wants() {
					t.Fatalf("step %d: %s\ngot\n%s\nwant\n%s", i, s.text, got, s.wants())
				}
			}
			if *rewrite {
				writeConversation(t, file, head, steps)
			}
		})
	}
}

// TestConversationsAreRedis plays the same files against redis-server.
func TestConversationsAreRedis(t *testing.T) {
	if testing.Short() {
		t.Skip("starts redis-server")
	}
	files, _ := filepath.Glob("testdata/*.txt")
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel() // each has a server of its own, and they wait more than they work
			real := startRedis(t)
			_, steps := readConversation(t, file)
			for i := range steps {
				s := &steps[i]
				if s.client == "" {
					continue
				}
				if got := real.play(s); got != s.wants() && !s.own {
					t.Fatalf("step %d: %s\nredis-server says\n%s\nthe file\n%s", i, s.text, got, s.wants())
				}
			}
		})
	}
}

func writeConversation(t *testing.T, file, head string, steps []step) {
	var b strings.Builder
	b.WriteString(head)
	for _, s := range steps {
		b.WriteString(s.text + "\n" + s.want)
	}
	if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// play lets our server do the step.
func (w *world) play(s *step) string {
	if s.client == "" {
		w.order(s.line)
		w.pumpAll()
		return ""
	}
	c := w.dial(s.client)
	if s.line == "+" {
		w.pumpAll()
		return c.take()
	}
	got := c.send(s.line + "\r\n")
	if c.closed {
		got += "closed\r\n"
	}
	return got
}

// order does what a line with > says.
func (w *world) order(line string) {
	word, arg, _ := strings.Cut(line, " ")
	switch word {
	case "advance":
		d, err := time.ParseDuration(arg)
		if err != nil {
			w.t.Fatal(err)
		}
		w.advance(d)
	case "ack":
		var n int
		fmt.Sscan(arg, &n)
		w.repl.ack(n, w.log.Issued().Time)
	case "disk":
		w.log.set(func() { w.log.closed = arg == "stuck"; w.log.upTo = w.log.Issued().Time })
		if arg == "stuck" {
			w.log.set(func() { w.log.closed = true; w.log.upTo = w.log.Issued().Time })
		}
	case "remote":
		channel, payload, _ := strings.Cut(arg, " ")
		w.srv.DeliverRemote([]byte(channel), []byte(payload))
	default:
		w.t.Fatalf("unknown order %q", line)
	}
}

// realRedis is a redis-server and the connections to it.
type realRedis struct {
	t     *testing.T
	path  string
	conns map[string]net.Conn
}

func startRedis(t *testing.T) *realRedis {
	bin, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("redis-server is not installed")
	}
	dir, err := os.MkdirTemp("", "rs")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "s")
	cmd := exec.Command(bin, "--port", "0", "--unixsocket", path, "--save", "", "--dir", dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		os.RemoveAll(dir)
	})
	sc := bufio.NewScanner(out)
	for sc.Scan() {
		if strings.Contains(sc.Text(), "eady to accept connections") {
			go io.Copy(io.Discard, out) // ends when the process does
			return &realRedis{t: t, path: path, conns: map[string]net.Conn{}}
		}
	}
	t.Fatal("redis-server does not come up")
	return nil
}

// play sends the line and reads until what is expected has come, and nothing
// behind it.
func (r *realRedis) play(s *step) string {
	c := r.conns[s.client]
	if c == nil {
		var err error
		if c, err = net.Dial("unix", r.path); err != nil {
			r.t.Fatal(err)
		}
		r.conns[s.client] = c
	}
	if s.line != "+" {
		fmt.Fprintf(c, "%s\r\n", s.line)
	}
	want := s.wants()
	var got []byte
	buf := make([]byte, 1<<16)
	for {
		wait := 2 * time.Second
		if len(got) >= len(want) {
			wait = 15 * time.Millisecond
		}
		c.SetReadDeadline(time.Now().Add(wait))
		n, err := c.Read(buf)
		got = append(got, buf[:n]...)
		if err != nil {
			if !os.IsTimeout(err) {
				delete(r.conns, s.client)
				got = append(got, "closed\r\n"...)
			}
			return string(got)
		}
	}
}
