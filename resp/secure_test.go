package resp

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// certificate makes a throw-away certificate for 127.0.0.1.
func certificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	spec := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{{127, 0, 0, 1}}}
	der, err := x509.CreateCertificate(rand.Reader, spec, spec, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestTLS(t *testing.T) {
	b := serve(t, "", func(o *ServerOptions) {
		o.TLS = &tls.Config{Certificates: []tls.Certificate{certificate(t)}}
		o.HandshakeTimeout = time.Second
	})
	dial := func() *tls.Conn {
		nc := tls.Client(b.connect(), &tls.Config{InsecureSkipVerify: true})
		if err := nc.Handshake(); err != nil {
			t.Fatal(err)
		}
		return nc
	}
	nc := dial()
	s := <-b.born
	say(t, nc, "PING\r\nPING\r\n", "+PONG\r\n+PONG\r\n")
	for range 100 { // a Wake does not disturb a read in progress
		s.outbox <- []byte("+HI\r\n")
		s.conn.Wake()
	}
	say(t, nc, "", strings.Repeat("+HI\r\n", 100))
	go io.WriteString(nc, strings.Repeat("BIG\r\n", 8)+"QUIT\r\n")
	if n, err := io.Copy(io.Discard, nc); n < 8*4<<20 || err != nil {
		t.Error(n, err)
	}
	<-s.closed

	plain := b.connect() // not TLS at all
	io.WriteString(plain, "PING\r\n")
	_, _ = io.Copy(io.Discard, plain)
	b.await("failed handshake", func() bool { return b.srv.Stats().TLSErrors == 1 })

	silent := b.connect() // and one who never shakes hands
	b.await("accept", func() bool { return b.srv.Stats().Accepted == 3 })
	b.await("timeout", func() bool {
		b.ticks <- time.Time{}
		return b.srv.Stats().TimeoutKills == 1
	})
	_, _ = io.Copy(io.Discard, silent)

	stuck := dial() // does not read, and is killed
	s = <-b.born
	say(t, stuck, "HUGE\r\n", "")
	b.await("output", func() bool { return b.srv.Stats().BytesOut > 34<<20 })
	s.conn.Kill()
	<-s.closed
}

func TestUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "crdb.sock")
	unix := func(o *ServerOptions) { o.Addr, o.UnixPerm = "unix:"+path, 0o770 }
	b := serve(t, "", unix)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o770 {
		t.Fatal(info, err)
	}
	nc, s := b.dial()
	say(t, nc, "PING\r\n", "+PONG\r\n")
	if s.conn.RemoteAddr() != path+":0" {
		t.Error(s.conn.RemoteAddr())
	}
	b.stop()
	if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 0 {
		t.Error("left behind:", entries)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	o := ServerOptions{NewSession: func(Conn) Session { return nil }}
	unix(&o)
	if _, err := Listen(o); err == nil {
		t.Error("a file was replaced")
	}
}

// TestStaleSocket: what a crash left is replaced.
func TestStaleSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	ln.SetUnlinkOnClose(false)
	ln.Close()
	b := serve(t, "", func(o *ServerOptions) { o.Addr = "unix:" + path })
	nc, _ := b.dial()
	say(t, nc, "PING\r\n", "+PONG\r\n")
}
