package conformance

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// subscriber collects the messages of one channel in one region.
type subscriber struct {
	pubsub *redis.PubSub
	got    []string
}

func (r *Runner) subscribe(ctx context.Context, role, channel string) error {
	p := r.c.Client(r.region[role]).Subscribe(ctx, channel)
	if _, err := p.Receive(ctx); err != nil { // the confirmation
		p.Close()
		return err
	}
	r.subs[role] = &subscriber{pubsub: p}
	return nil
}

// collect waits for so many messages in all, and a while longer for some too
// many, and returns all there ever were.
func (s *subscriber) collect(n int) []string {
	for {
		patience := linger
		if len(s.got) < n {
			patience = syncTimeout / 4
		}
		select {
		case m := <-s.pubsub.Channel():
			s.got = append(s.got, m.Payload)
		case <-time.After(patience):
			return s.got
		}
	}
}

func (s *subscriber) stop() { s.pubsub.Close() }

// watcher looks at one region all the time for a reply that must not come.
type watcher struct {
	wg     sync.WaitGroup
	cancel context.CancelFunc
	failed error // read after wg
}

func (r *Runner) watch(ctx context.Context, s Step) *watcher {
	ctx, cancel := context.WithCancel(ctx)
	w := &watcher{cancel: cancel}
	cl := r.c.NewClient(r.region[s.Roles[0]], 0)
	words := make([]any, len(s.Args))
	for i, a := range s.Args {
		words[i] = a
	}
	w.wg.Go(func() {
		defer cl.Close()
		for ctx.Err() == nil && w.failed == nil {
			if reply, err := cl.Do(ctx, words...).Result(); err == nil && matches(s.Reply, reply, err) {
				w.failed = fmt.Errorf("step %q: %s", s.Text, show(reply, err))
			}
		}
	})
	return w
}

func (w *watcher) stop() error {
	w.cancel()
	w.wg.Wait()
	return w.failed
}
