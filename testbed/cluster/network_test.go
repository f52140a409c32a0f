package cluster

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// soon is how long a byte that must not come is waited for.
const soon = 100 * time.Millisecond

// pairOf returns a network of two regions, a and b, and a connection from a
// to b, whose end answers every line with itself.
func pairOf(t *testing.T) (*Network, net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go io.Copy(c, c)
		}
	}()
	n, err := newNetwork([]string{"a", "b"}, func(string) string { return l.Addr().String() }, func(string) string { return "127.0.0.1" })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.close)
	return n, dial(t, n)
}

func dial(t *testing.T, n *Network) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", n.route("a", "b"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// echo sends a line and waits for it to come back.
func echo(c net.Conn, patience time.Duration) error {
	c.SetDeadline(time.Now().Add(patience))
	if _, err := fmt.Fprintln(c, "hello"); err != nil {
		return err
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	if err == nil && line != "hello\n" {
		return fmt.Errorf("got %q", line)
	}
	return err
}

func TestHealthyNetworkCarries(t *testing.T) {
	_, c := pairOf(t)
	if err := echo(c, 5*time.Second); err != nil {
		t.Fatal(err)
	}
}

func TestCutClosesAndRefuses(t *testing.T) {
	n, c := pairOf(t)
	if err := echo(c, 5*time.Second); err != nil {
		t.Fatal(err)
	}
	n.Cut("a", "b")
	if err := echo(c, 5*time.Second); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the open connection was not closed: %v", err)
	}
	if c, err := net.Dial("tcp", n.route("a", "b")); err == nil { // or it is reset before it is made
		t.Cleanup(func() { c.Close() })
		if err := echo(c, 5*time.Second); err == nil {
			t.Error("a new connection works")
		}
	}
	n.Heal("a", "b")
	if err := echo(dial(t, n), 5*time.Second); err != nil {
		t.Errorf("healed: %v", err)
	}
}

func TestOneWayCutHoldsAndLosesNothing(t *testing.T) {
	for name, cut := range map[string]func(*Network){
		"there": func(n *Network) { n.CutOneWay("a", "b") },
		"back":  func(n *Network) { n.CutOneWay("b", "a") },
		"both":  func(n *Network) { n.Hold("a", "b") },
	} {
		n, c := pairOf(t)
		cut(n)
		if err := echo(c, soon); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: want silence, got %v", name, err)
		}
		n.HealAll()
		c.SetDeadline(time.Now().Add(5 * time.Second))
		if line, err := bufio.NewReader(c).ReadString('\n'); err != nil || line != "hello\n" {
			t.Errorf("%s: after the heal: %q, %v", name, line, err)
		}
	}
}

func TestDelayAndBandwidthTakeTime(t *testing.T) {
	for name, slow := range map[string]func(*Network){
		"delay":     func(n *Network) { n.Delay("a", "b", soon) },
		"bandwidth": func(n *Network) { n.Bandwidth("a", "b", 30) }, // the line has 6 bytes
	} {
		n, c := pairOf(t)
		slow(n)
		began := time.Now()
		if err := echo(c, 5*time.Second); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if took := time.Since(began); took < 2*soon {
			t.Errorf("%s: there and back took only %v", name, took)
		}
	}
}

func TestResetAndDamageEndConnections(t *testing.T) {
	n, c := pairOf(t)
	if err := echo(c, 5*time.Second); err != nil {
		t.Fatal(err)
	}
	n.Reset("a", "b")
	if err := echo(c, 5*time.Second); err == nil {
		t.Error("the connection outlived a reset")
	}
	c = dial(t, n)
	n.Damage("a", "b", 1)
	if err := echo(c, soon); err == nil {
		t.Error("a line came back whole through a wire that damages everything")
	}
}

func TestTail(t *testing.T) {
	for _, row := range []struct {
		text  string
		lines int
		want  string
	}{
		{"a\nb\nc\n", 2, "b\nc"}, {"a\nb\nc\n", 3, "a\nb\nc"}, {"a\n", 5, "a"}, {"", 1, ""},
	} {
		if got := string(tail([]byte(row.text), row.lines)); got != row.want {
			t.Errorf("last %d lines of %q: %q", row.lines, row.text, got)
		}
	}
}

func TestPortsAreFreeAndDifferent(t *testing.T) {
	seen := map[int]bool{}
	for range 50 {
		p, err := freePort()
		if err != nil || seen[p] || !portFree(p) {
			t.Fatalf("port %d, seen %v, %v", p, seen[p], err)
		}
		seen[p] = true
	}
}

func TestUsageOfThisProcess(t *testing.T) {
	u, err := ProcessUsage(os.Getpid())
	if err != nil || u.Resident < 1<<20 || u.Resident > 1<<40 {
		t.Errorf("got %+v, %v", u, err)
	}
}
