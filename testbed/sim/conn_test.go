package sim

import (
	"context"
	"io"
	"math/rand/v2"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/emptypb"
)

// joined are two ends of a connection between two machines.
func joined(t *testing.T) (n *Network, a, b net.Conn) {
	t.Helper()
	n = NewNetwork(rand.New(rand.NewPCG(1, 1)))
	n.Host("a", "10.0.0.1")
	n.Host("b", "10.0.0.2")
	l, err := n.Listen("10.0.0.2:1")
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan net.Conn, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			t.Error(err)
		}
		accepted <- c
	}()
	if a, err = n.Dial(t.Context(), "a", "10.0.0.2:1"); err != nil {
		t.Fatal(err)
	}
	b = <-accepted
	l.Close()
	return n, a, b
}

// Who writes to a peer that has closed learns of it by writing and by reading at
// the same time. Where only writing fails, gRPC opens a stream on the connection
// again and again without any time passing: it waits for its reader to notice.
func TestWritesDoNotFailBeforeReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, a, b := joined(t)
		cut := func(cut bool) {
			n.Change("a", "b", func(l *line) { l.cut = cut })
			n.Change("b", "a", func(l *line) { l.cut = cut })
		}
		cut(true)
		b.Close()
		for range 3 {
			if _, err := a.Write(make([]byte, window)); err != nil {
				t.Fatalf("a write fails while nothing of the end can be read: %v", err)
			}
		}
		cut(false)
		if _, err := a.Write([]byte("x")); err != nil {
			t.Errorf("the first write to one who has closed: %v", err)
		}
		if _, err := a.Write([]byte("x")); err == nil {
			t.Error("a reset leaves writing as it was")
		}
		if _, err := a.Read(make([]byte, 1)); err == nil {
			t.Error("a reset leaves reading as it was")
		}
		a.Close()
	})
}

// A peer that closes after all it had to say is read to the end.
func TestWhatWasWrittenBeforeTheEndArrives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := joined(t)
		b.Write([]byte("last words"))
		b.Close()
		if got, err := io.ReadAll(a); string(got) != "last words" || err != nil {
			t.Errorf("read %q, %v", got, err)
		}
		a.Close()
	})
}

// A call over a connection whose peer has closed behind a cut ends with its
// deadline; it does not hold up time.
func TestCallToAClosedPeerBehindACut(t *testing.T) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		synctest.Test(t, callBehindACut)
	}()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatal("virtual time stands still")
	}
}

func callBehindACut(t *testing.T) {
	n := NewNetwork(rand.New(rand.NewPCG(1, 1)))
	n.Host("a", "10.0.0.1")
	n.Host("b", "10.0.0.2")
	l, err := n.Listen("10.0.0.2:1")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	go s.Serve(l)
	c, err := grpc.NewClient("passthrough:///10.0.0.2:1", grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDisableRetry(),
		grpc.WithContextDialer(func(ctx context.Context, at string) (net.Conn, error) { return n.Dial(ctx, "a", at) }))
	if err != nil {
		t.Fatal(err)
	}
	call := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		return c.Invoke(ctx, "/none/none", &emptypb.Empty{}, &emptypb.Empty{})
	}
	call() // nobody serves it: the connection is up
	n.Change("b", "a", func(l *line) { l.cut = true })
	for _, x := range n.between(func(x *conn) bool { return x.local == "b" }) {
		x.Close()
	}
	for range 3 {
		if call() == nil {
			t.Error("a call to nobody succeeds")
		}
	}
	c.Close()
	s.Stop()
}
