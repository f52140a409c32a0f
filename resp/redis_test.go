package resp

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// needRedis skips a test where no redis-server 7.0 is installed.
func needRedis(t *testing.T) {
	t.Helper()
	out, err := exec.Command("redis-server", "--version").Output()
	if err != nil {
		t.Skip("no redis-server on PATH")
	}
	if !bytes.Contains(out, []byte("v=7.0.")) {
		t.Skip("redis-server is not 7.0: " + string(out))
	}
}

// startRedis runs redis-server on a port from 17000 up.
func startRedis(t *testing.T, args ...string) (addr, port string, pid int) {
	t.Helper()
	for p := 17000 + rand.IntN(900); ; p++ {
		ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", p))
		if err != nil {
			continue
		}
		ln.Close()
		port = strconv.Itoa(p)
		break
	}
	cmd := exec.Command("redis-server", append([]string{"--port", port, "--save", "", "--bind", "127.0.0.1",
		"--dir", t.TempDir()}, args...)...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	addr = "127.0.0.1:" + port
	for range 1000 {
		if nc, err := net.Dial("tcp", addr); err == nil {
			nc.Close()
			return addr, port, cmd.Process.Pid
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("redis-server does not answer")
	return
}

// ask sends text and returns everything up to a quiet moment or the end.
func ask(t *testing.T, addr, send string) string {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(10 * time.Second))
	go func() {
		io.WriteString(nc, send)
		nc.(*net.TCPConn).CloseWrite()
	}()
	got, _ := io.ReadAll(nc)
	return string(got)
}

// TestErrorsAgainstRedis: the same bad bytes get the same error text.
func TestErrorsAgainstRedis(t *testing.T) {
	needRedis(t)
	for _, mode := range []struct {
		lim  Limits
		args []string
	}{{PostAuth, nil}, {PreAuth, []string{"--requirepass", "x"}}} {
		addr, _, _ := startRedis(t, mode.args...)
		for _, row := range hostile {
			if row.ours || mode.lim.Unauthenticated && row.want == "" {
				continue
			}
			_, _, err := parseAll([]byte(row.in), mode.lim)
			want := ""
			if err != nil {
				want = "-ERR " + strings.NewReplacer("\r", " ", "\n", " ").Replace(err.Error()) + "\r\n"
			}
			if got := ask(t, addr, row.in); got != want {
				t.Errorf("%s: redis says %s, we say %q", brief(row.in), brief(got), want)
			}
		}
	}
}

// TestInlineAgainstRedis: random lines split into the same arguments.
func TestInlineAgainstRedis(t *testing.T) {
	needRedis(t)
	addr, _, _ := startRedis(t)
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(60 * time.Second))
	const letters = `aab'"\\x41fn rtb ` + "\t\v\f\r\x80"
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		line := make([]byte, rnd.IntN(16))
		for i := range line {
			line[i] = letters[rnd.IntN(len(letters))]
		}
		rest := string(line)
		var p Parser
		// EVAL hands all arguments back, whatever they are.
		in := `EVAL "return ARGV" 0 ` + rest + "\n"
		args, _, err := p.Next([]byte(in), PostAuth)
		if err != nil {
			want := "-ERR " + err.Error() + "\r\n"
			if got := ask(t, addr, in); got != want {
				t.Fatalf("%q: redis says %q, we say %q", in, got, want)
			}
			continue
		}
		w := Writer{}
		w.Array(len(args) - 3)
		for _, a := range args[3:] {
			w.Bulk(a)
		}
		io.WriteString(nc, in)
		got := make([]byte, len(w.Buf))
		if n, err := io.ReadFull(nc, got); err != nil || !bytes.Equal(got, w.Buf) {
			t.Fatalf("%q: redis says %q, we say %q (%v)", in, got[:n], w.Buf, err)
		}
	}
}

// TestDoubleAgainstRedis: scores print with the same digits.
func TestDoubleAgainstRedis(t *testing.T) {
	needRedis(t)
	addr, _, _ := startRedis(t)
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(60 * time.Second))
	for _, proto := range []int{2, 3} {
		for _, f := range doubles(2000) {
			say(t, nc, "DEL z\r\n", "")
			skipLine(t, nc)
			io.WriteString(nc, "ZADD z "+strconv.FormatFloat(f, 'g', -1, 64)+" m\r\n")
			say(t, nc, "", ":1\r\n")
			w := Writer{Proto: proto}
			w.Double(f)
			say(t, nc, "ZSCORE z m\r\n", string(w.Buf))
		}
		if proto == 2 {
			io.WriteString(nc, "HELLO 3\r\n")
			nc.Close()
			nc, err = net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			_ = nc.SetDeadline(time.Now().Add(60 * time.Second))
			io.WriteString(nc, "HELLO 3\r\n")
			skipUntil(t, nc, "modules\r\n*0\r\n")
		}
	}
}

func doubles(n int) []float64 {
	all := []float64{0, 1, -1, 0.1, 3.14, 1e15, 1e16, 1e17, 1e18, 123456789012345678, 1e21, 1e-4, 1e-5, 5e-324,
		math.MaxFloat64, math.Inf(1), math.Inf(-1), 1.0 / 3, 1e100, -2.5, 999999999999999, 1000000000000001, 1 << 53}
	rnd := rand.New(rand.NewPCG(3, 4))
	for len(all) < n {
		f := math.Float64frombits(rnd.Uint64())
		if !math.IsNaN(f) {
			all = append(all, f, rnd.NormFloat64()*100, float64(rnd.IntN(1e6))/100)
		}
	}
	return all
}

func skipLine(t *testing.T, nc net.Conn) { skipUntil(t, nc, "\n") }

// skipUntil reads up to and with the text.
func skipUntil(t *testing.T, nc net.Conn, text string) {
	t.Helper()
	var got []byte
	for b := make([]byte, 1); !bytes.HasSuffix(got, []byte(text)); got = append(got, b[0]) {
		if _, err := nc.Read(b); err != nil {
			t.Fatalf("%q: %v", got, err)
		}
	}
}
