package resp

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"
)

// pinger answers PING and costs as little as a session can.
type pinger struct {
	parser Parser
	w      Writer
}

func (s *pinger) Input(data []byte) (used int) {
	for used < len(data) {
		args, n, err := s.parser.Next(data[used:], PostAuth)
		if err != nil || n == 0 {
			return used
		}
		used += n
		if args != nil {
			s.w.SimpleString("PONG")
		}
	}
	return used
}
func (s *pinger) Wake()          {}
func (s *pinger) Output() []byte { return s.w.Buf }
func (s *pinger) Sent(n int)     { s.w.Buf = s.w.Buf[:copy(s.w.Buf, s.w.Buf[n:])] }
func (s *pinger) Paused() bool   { return false }
func (s *pinger) Done() bool     { return false }
func (s *pinger) Closed()        {}

// TestMain makes the test binary a PING server when asked to, so that its CPU
// can be told from the test's.
func TestMain(m *testing.M) {
	transport := os.Getenv("RESP_SERVE")
	if transport == "" {
		os.Exit(m.Run())
	}
	srv, err := Listen(ServerOptions{
		Addr: "127.0.0.1:0", Net: transport,
		NewSession: func(Conn) Session { return &pinger{w: Writer{Proto: 2}} },
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(srv.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin)
	_ = srv.Close()
}

// TestCPU compares the CPU of a PING with redis-server's: set RESP_CPU=1.
func TestCPU(t *testing.T) {
	if os.Getenv("RESP_CPU") == "" {
		t.Skip("set RESP_CPU=1 to measure")
	}
	needRedis(t)
	_, redisPort, redisPID := startRedis(t)
	loopPort, loopPID := startSelf(t, NetEpoll)
	streamPort, streamPID := startSelf(t, NetStream)
	for _, load := range []struct{ pipeline, requests int }{{1, 200000}, {16, 2000000}} {
		var redis, loop, stream, ratio []float64
		for range 5 {
			r := measure(t, redisPort, redisPID, load.pipeline, load.requests)
			l := measure(t, loopPort, loopPID, load.pipeline, load.requests)
			redis, loop, ratio = append(redis, r), append(loop, l), append(ratio, l/r)
			stream = append(stream, measure(t, streamPort, streamPID, load.pipeline, load.requests))
		}
		t.Logf("pipeline %2d: redis %.2f us, loop %.2f us (x%.2f), stream %.2f us",
			load.pipeline, median(redis), median(loop), median(ratio), median(stream))
	}
}

func median(v []float64) float64 { sort.Float64s(v); return v[len(v)/2] }

// startSelf runs this test binary as a PING server.
func startSelf(t *testing.T, transport string) (port string, pid int) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "RESP_SERVE="+transport)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stdin.Close(); cmd.Wait() })
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line[strings.LastIndexByte(line, ':')+1:]), cmd.Process.Pid
}

// measure returns the CPU microseconds per request.
func measure(t *testing.T, port string, pid, pipeline, requests int) float64 {
	before := cpuTime(t, pid)
	out, err := exec.Command("redis-benchmark", "-p", port, "-c", "50", "-n", strconv.Itoa(requests),
		"-P", strconv.Itoa(pipeline), "-t", "ping_mbulk", "-q").CombinedOutput()
	if err != nil {
		t.Fatal(err, string(out))
	}
	return float64((cpuTime(t, pid) - before).Microseconds()) / float64(requests)
}

// cpuTime reads user and system time of a process, in ticks of 10 ms.
func cpuTime(t *testing.T, pid int) time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Skip("no /proc here:", err)
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}
