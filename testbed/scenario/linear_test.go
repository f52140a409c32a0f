package scenario

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/redis/go-redis/v9"

	"crdb/testbed/cluster"
	"crdb/testbed/linear"
)

const (
	linearSessions = 7
	linearReaders  = 2 // of them, who only read and make no pauses
	linearLife     = 400 * time.Millisecond
	linearPause    = time.Millisecond // between two operations of one session
	linearPatience = time.Minute      // with the judge
)

// TestLinearizable: sessions of one region work on the same keys while the other
// regions write others, and their node ends and comes back. What they saw could
// have happened one after the other: under always also over kill -9, under
// everysec over a stop in good order, and from one kill -9 to the next.
func TestLinearizable(t *testing.T) {
	for _, row := range []struct {
		fsync string
		kill  bool
	}{{"always", true}, {"everysec", false}, {"everysec", true}} {
		t.Run(fmt.Sprintf("%s, kill %v", row.fsync, row.kill), func(t *testing.T) {
			r := begin(t, cluster.Options{Fsync: row.fsync})
			h := &witness{r: r, region: r.region(), began: time.Now()}
			for range 3 {
				h.live(func() {
					if row.kill {
						r.kill(h.region)
					} else {
						r.stop(h.region)
					}
				})
				r.restart(h.region)
				if row.kill && row.fsync != "always" {
					h.judge(t)
					h.from = h.read()
				}
			}
			h.live(func() {})
			h.judge(t)
			r.finish()
		})
	}
}

// witness is what sessions of a region saw.
type witness struct {
	r       *run
	region  string
	began   time.Time
	from    linear.State // what was there at the beginning of all
	unknown int          // of all, how many replies were lost
	mu      struct {
		sync.Mutex
		all  []porcupine.Operation
		lost []int // of all, those of this life of the node whose replies were lost
	}
}

func (h *witness) judge(t *testing.T) {
	t.Helper()
	began := time.Now()
	if err := linear.Check(h.from, h.mu.all, linearPatience); err != nil {
		t.Error(err)
	}
	t.Logf("%d operations, the replies to %d lost, judged in %v", len(h.mu.all), h.unknown, time.Since(began).Round(time.Millisecond))
	if len(h.mu.all) < 100 {
		t.Errorf("%d operations are too few", len(h.mu.all))
	}
	h.mu.all, h.unknown = nil, 0
}

// read returns what is there, where nobody writes.
func (h *witness) read() (s linear.State) {
	cl := newClient(h.r.c.Node(h.region).Addr())
	defer cl.Close()
	got, err := cl.MGet(h.r.Context(), "reg", "sum").Result()
	h.r.must(err)
	s.Register, _ = got[0].(string)
	sum, _ := got[1].(string)
	s.Counter, _ = strconv.ParseInt(sum, 10, 64)
	return s
}

// live lets the sessions work, and ends their node meanwhile.
func (h *witness) live(end func()) {
	ctx, stop := context.WithCancel(h.r.Context())
	var sessions sync.WaitGroup
	for id := range linearSessions {
		seed := h.r.rng.Uint64()
		sessions.Go(func() { h.session(ctx, id, rand.New(rand.NewPCG(seed, 0))) })
	}
	h.r.wait(linearLife + time.Duration(h.r.rng.IntN(10_000))*time.Microsecond)
	end()
	stop()
	sessions.Wait()
	for _, i := range h.mu.lost {
		h.mu.all[i].Return = int64(time.Since(h.began)) // the process has ended
	}
	h.unknown += len(h.mu.lost)
	h.mu.lost = nil
}

// session plays one op after the other until its end, or the node's.
func (h *witness) session(ctx context.Context, id int, rng *rand.Rand) {
	cl := newClient(h.r.c.Node(h.region).Addr())
	defer cl.Close()
	for i := 0; ctx.Err() == nil; i++ {
		op, pause := linear.Draw(rng, fmt.Sprintf("%d.%d.", id, i)), linearPause
		if id < linearReaders {
			op, pause = linear.Op{Kind: linear.Get}, 0
		}
		call := time.Since(h.began)
		out, err := h.play(context.WithoutCancel(ctx), cl, &op)
		returned := time.Since(h.began)
		if err != nil && fateOf(err) == unknown {
			out = linear.Lost
		}
		if err == nil || out == linear.Lost {
			h.mu.Lock()
			h.mu.all = append(h.mu.all, linear.Record(id, op, int64(call), out, int64(returned)))
			if err != nil {
				h.mu.lost = append(h.mu.lost, len(h.mu.all)-1)
			}
			h.mu.Unlock()
		}
		if err != nil {
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// play sends an op and returns its output.
func (h *witness) play(ctx context.Context, cl *redis.Client, op *linear.Op) (out string, err error) {
	var n *redis.IntCmd
	both := func(p redis.Pipeliner) error {
		p.Set(ctx, "reg", op.Value, 0)
		n = p.Incr(ctx, "sum")
		return nil
	}
	switch op.Kind {
	case linear.Get:
		out, err = cl.Get(ctx, "reg").Result()
		if err == redis.Nil {
			err = nil
		}
		return out, err
	case linear.Set:
		return cl.Set(ctx, "reg", op.Value, 0).Result()
	case linear.Append:
		n = cl.Append(ctx, "reg", op.Value)
	case linear.Incr:
		n = cl.Incr(ctx, "sum")
	case linear.Script:
		got, err := cl.Eval(ctx, linear.Source, []string{"reg", "sum"}, op.Value).Int64()
		return strconv.FormatInt(got, 10), err
	case linear.Both:
		_, err = cl.TxPipelined(ctx, both)
		return strconv.FormatInt(n.Val(), 10), err
	case linear.Swap:
		err = cl.Watch(ctx, func(tx *redis.Tx) error {
			old, err := tx.Get(ctx, "reg").Result()
			if err != nil && err != redis.Nil {
				return err
			}
			op.Old = old
			_, err = tx.TxPipelined(ctx, both)
			return err
		}, "reg")
		if errors.Is(err, redis.TxFailedErr) {
			return linear.Aborted, nil
		}
		if n == nil { // it got no further than reading
			return "", redis.ErrClosed
		}
	}
	return strconv.FormatInt(n.Val(), 10), errors.Join(err, n.Err())
}
