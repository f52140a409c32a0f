package peer

import (
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"crdb/engine"
	"crdb/proto/peerpb"
)

// A peer that asks for blocks and takes none of them does not hold a place for ever that
// others wait for (P1).
func TestAFetchThatIsNotTaken(t *testing.T) {
	c := newStates(t)
	one := c.add(1, func(n *stateNode) {
		n.tune = func(o *Options) {
			n.options(o)
			o.Timing.Handshake, o.Limits.Fetches = 500*time.Millisecond, 1
		}
	})
	two := c.add(2)
	c.join()
	noise := rand.New(rand.NewPCG(1, 2))
	tx := one.eng.NewTx()
	value := make([]byte, 1<<20) // more than lies around on the way
	for i := range value {
		value[i] = byte(noise.Uint32())
	}
	tx.LockAll(time.Now().UnixMilli())
	tx.Put([]byte("k"), value, engine.Expiry{})
	tx.Unlock()
	c.agree()
	conn, err := grpc.NewClient("passthrough:///"+one.addr, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(two.r.opts.Dial), grpc.WithDefaultCallOptions(grpc.ForceCodecV2(codec{})),
		grpc.WithStaticStreamWindowSize(64<<10))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fetch := func() (grpc.ServerStreamingClient[peerpb.FromSource], error) {
		s, err := peerpb.NewReplicationClient(conn).Fetch(t.Context(), &peerpb.FetchRequest{
			Identity: two.r.identity(1), Replica: 1, MaxBytes: 4 << 20,
		})
		if err == nil {
			_, err = s.Recv()
		}
		return s, err
	}
	if _, err := fetch(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "somebody else is served", func() bool {
		s, err := fetch()
		for err == nil {
			_, err = s.Recv()
		}
		return err == io.EOF
	})
}
