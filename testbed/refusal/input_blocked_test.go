package refusal

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"crdb/testbed/oracle"
)

// blockedClients is how many clients wait, in all.
const blockedClients = 10000

// crowd are connections of clients that wait.
func crowd(t *testing.T, addr string) (conns []net.Conn) {
	t.Helper()
	for i := range blockedClients {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatalf("client %d: %v", i, err)
		}
		t.Cleanup(func() { conn.Close() })
		command := []string{"BLPOP q 0", "BRPOP q r 0", "BLMOVE q r LEFT LEFT 0", "BZPOPMIN z 0", "XREAD BLOCK 0 STREAMS x $"}[i%5]
		if _, err := io.WriteString(conn, command+"\r\n"); err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
	}
	return conns
}

// blocked makes ten thousand clients wait and leave at once; and a thousand of
// them be served by one push.
func blocked(t *testing.T, b *servers) {
	if r, err := b.crdb.Do("CONFIG", "SET", "maxclients", "12000"); err != nil || r.Head != "+OK" {
		t.Fatal(r, err)
	}
	conns := crowd(t, b.node.Addr())
	waitBlocked(t, b, blockedClients)
	for _, c := range conns {
		c.Close()
	}
	waitBlocked(t, b, 0)
	conns = crowd(t, b.node.Addr())[:5000]
	waitBlocked(t, b, blockedClients)
	push := []string{"RPUSH", "q"}
	for i := range 1000 {
		push = append(push, fmt.Sprint(i))
	}
	if r, err := b.crdb.Do(push...); err != nil || r.IsError() {
		t.Fatal(r, err)
	}
	served := 0
	for i, c := range conns {
		if i%5 > 2 || served == 1000 {
			continue
		}
		c.SetReadDeadline(time.Now().Add(10 * time.Second))
		if r, err := oracle.ReadReply(bufio.NewReader(c)); err != nil || r.IsError() {
			t.Fatalf("client %d: %v %v", i, r, err)
		}
		served++
	}
	for _, c := range conns {
		c.Close()
	}
}

// waitBlocked waits until so many clients wait.
func waitBlocked(t *testing.T, b *servers, want int) {
	t.Helper()
	says := fmt.Sprintf("blocked_clients:%d\r\n", want)
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		r, err := b.crdb.Do("INFO", "clients")
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(r.Body, says) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("want %s, got %s", says, r.Body)
		}
	}
}
