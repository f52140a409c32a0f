package conformance

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"crdb/testbed/cluster"
)

const (
	// tick is the time between steps of different times: more than the
	// millisecond that timestamps can tell apart.
	tick = 3 * time.Millisecond
	// syncTimeout is how long regions may take to agree.
	syncTimeout = 20 * time.Second
	// linger is how long a message that must not come is waited for.
	linger = 200 * time.Millisecond
)

// Runner runs cases on a cluster of three regions.
type Runner struct {
	c      *cluster.Cluster
	cut    func()
	region map[string]string // by role
	linked bool

	conns    map[string]*redis.Conn // one per role, so that SELECT works
	subs     map[string]*subscriber
	watchers []*watcher
}

// NewRunner gives the roles A, B and C to the regions in this order. Links are
// cut by holding every byte, as a pulled cable does, because a heal is fast
// then; CRDB_CONFORMANCE_CUT=close closes the connections instead.
func NewRunner(c *cluster.Cluster, regions []string) *Runner {
	r := &Runner{c: c, cut: c.Net.HoldAll, region: map[string]string{}}
	if os.Getenv("CRDB_CONFORMANCE_CUT") == "close" {
		r.cut = c.Net.CutAll
	}
	for i, role := range roles {
		r.region[role] = regions[i]
	}
	return r
}

// Run runs a case from an empty, agreed state and returns its first failure.
func (r *Runner) Run(ctx context.Context, c Case) (err error) {
	if err := r.reset(ctx); err != nil {
		return fmt.Errorf("before the case: %w", err)
	}
	defer func() {
		if failed := r.end(); err == nil {
			err = failed
		}
	}()
	last := ""
	for _, s := range c.Steps {
		if s.Time != last {
			time.Sleep(tick)
			last = s.Time
		}
		if err := r.step(ctx, s); err != nil {
			return fmt.Errorf("step %q: %w", s.Text, err)
		}
	}
	return nil
}

// reset empties the database everywhere and cuts all links.
func (r *Runner) reset(ctx context.Context) error {
	r.linked = false
	r.c.Net.HealAll()
	if err := r.sync(ctx, roles); err != nil {
		return err
	}
	if err := r.c.Client(r.region["A"]).FlushAll(ctx).Err(); err != nil {
		return err
	}
	r.conns, r.subs, r.watchers = map[string]*redis.Conn{}, map[string]*subscriber{}, nil
	return r.sync(ctx, roles)
}

// end stops what the case started.
func (r *Runner) end() error {
	var failed error
	for _, w := range r.watchers {
		if err := w.stop(); err != nil {
			failed = err
		}
	}
	for _, s := range r.subs {
		s.stop()
	}
	for _, conn := range r.conns {
		conn.Close()
	}
	return failed
}

func (r *Runner) step(ctx context.Context, s Step) error {
	switch s.Verb {
	case syncLinks:
		return r.sync(ctx, s.Roles)
	case linked:
		r.linked = true
		return r.sync(ctx, roles)
	case wait:
		time.Sleep(s.Pause)
		return nil
	case restart:
		return r.restart(ctx, s.Roles[0])
	case subscribe:
		return r.subscribe(ctx, s.Roles[0], s.Args[1])
	case receives:
		return r.receives(s.Roles[0], s.Reply)
	case watch:
		r.watchers = append(r.watchers, r.watch(ctx, s))
		return nil
	case command:
		return r.command(ctx, s)
	}
	return nil
}

// sync heals the links between some regions until they agree and cuts
// everything again.
func (r *Runner) sync(ctx context.Context, among []string) error {
	ctx, cancel := context.WithTimeout(ctx, syncTimeout)
	defer cancel()
	var regions []string
	for i, a := range among {
		regions = append(regions, r.region[a])
		for _, b := range among[:i] {
			r.c.Net.Heal(r.region[a], r.region[b])
		}
	}
	err := r.c.Sync(ctx, regions...)
	if !r.linked {
		r.cut()
	}
	return err
}

func (r *Runner) restart(ctx context.Context, role string) error {
	n := r.c.Node(r.region[role])
	if err := n.Kill(); err != nil {
		return err
	}
	delete(r.conns, role)
	if err := n.Restart(ctx); err != nil {
		return err
	}
	return r.c.WaitServing(ctx, r.region[role])
}

// command runs a command in each of the step's regions. With the links up an
// expected reply may take its time to come.
func (r *Runner) command(ctx context.Context, s Step) error {
	for _, role := range s.Roles {
		deadline := time.Now().Add(syncTimeout / 4)
		for {
			reply, err := r.do(ctx, role, s.Args)
			if matches(s.Reply, reply, err) {
				break
			}
			if !r.linked || time.Now().After(deadline) {
				return fmt.Errorf("%s answers %s", role, show(reply, err))
			}
			time.Sleep(tick)
		}
	}
	return nil
}

func (r *Runner) do(ctx context.Context, role string, args []string) (any, error) {
	if r.conns[role] == nil {
		r.conns[role] = r.c.Client(r.region[role]).Conn()
	}
	words := make([]any, len(args))
	for i, a := range args {
		words[i] = a
	}
	return r.conns[role].Do(ctx, words...).Result()
}

func (r *Runner) receives(role, want string) error {
	sub := r.subs[role]
	if sub == nil {
		return fmt.Errorf("%s has no subscriber", role)
	}
	var wanted []string
	if want != "" {
		wanted = []string{want}
	}
	if got := sub.collect(len(wanted)); !slices.Equal(got, wanted) {
		return fmt.Errorf("%s received %q", role, got)
	}
	return nil
}
