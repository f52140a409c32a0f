package scenario

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/redis/go-redis/v9"

	"crdb/testbed/cluster"
	"crdb/testbed/oracle"
)

// more writes the kinds of data that came later: sorted sets, lists, streams,
// scripts and transactions. What it knows goes to the same model.
func (w *writer) more(ctx context.Context) error {
	switch n := w.rng.IntN(10); {
	case n < 2:
		return w.score(ctx)
	case n < 6:
		return w.queue(ctx)
	case n < 8:
		return w.entry(ctx)
	case n < 9:
		return w.script(ctx)
	}
	return w.transaction(ctx)
}

// points is a delta of scores, small enough that sums of very many stay exact.
func (w *writer) points() int64 { return w.delta() >> 20 }

// score counts in a member of a sorted set.
func (w *writer) score(ctx context.Context) error {
	key, member, delta := w.key("zset"), fmt.Sprintf("m%d", w.rng.IntN(2)), w.points()
	op := w.begin()
	err := w.cl.ZIncrBy(ctx, key, float64(delta), member).Err()
	w.load.Model.Add(key, member, op.ended(err), delta)
	return err
}

// queue pushes to lists that all regions share, and pops from them.
func (w *writer) queue(ctx context.Context) error {
	key := w.key("list")
	if w.rng.IntN(20) < 11 {
		value := w.fresh()
		op := w.begin()
		err := w.cl.RPush(ctx, key, value).Err()
		w.load.Model.Insert(key, value, op.ended(err))
		return err
	}
	pop := w.cl.LPop
	if w.rng.IntN(2) == 0 {
		pop = w.cl.RPop
	}
	op := w.begin()
	value, err := pop(ctx, key).Result()
	op = op.ended(err)
	switch {
	case op.fate == unknown:
		w.load.Model.RemoveAny(key, op)
	case err == nil:
		w.load.Model.Remove(key, value, op)
	case err == redis.Nil:
		return nil
	}
	return err
}

// entry adds to a stream that all regions share, and deletes what it added.
func (w *writer) entry(ctx context.Context) error {
	const key = "stream:0"
	if len(w.mine) > 20 {
		id, value := w.mine[0], w.mine[1]
		w.mine = w.mine[2:]
		op := w.begin()
		n, err := w.cl.XDel(ctx, key, id).Result()
		op = op.ended(err)
		if op.fate == unknown || n == 1 {
			w.load.Model.Remove(key, value, op)
		}
		return err
	}
	value := w.fresh()
	op := w.begin()
	id, err := w.cl.XAdd(ctx, &redis.XAddArgs{Stream: key, Values: []any{"v", value}}).Result()
	w.load.Model.Insert(key, value, op.ended(err))
	if err == nil {
		w.mine = append(w.mine, id, value)
	}
	return err
}

// both is a script that does two things or none.
const both = "redis.call('INCRBY', KEYS[1], ARGV[1]) redis.call('SADD', KEYS[2], ARGV[2]) return 1"

func (w *writer) script(ctx context.Context) error {
	counter, set, delta, member := w.key("counter"), w.key("set"), w.delta(), "script-"+w.fresh()
	op := w.begin()
	err := w.cl.Eval(ctx, both, []string{counter, set}, delta, member).Err()
	op = op.ended(err)
	w.load.Model.Add(counter, "", op, delta)
	w.load.Model.Insert(set, member, op)
	return err
}

// transaction does three things or none.
func (w *writer) transaction(ctx context.Context) error {
	counter, zset, list, delta, value := w.key("counter"), w.key("zset"), w.key("list"), w.points(), w.fresh()
	op := w.begin()
	_, err := w.cl.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.IncrBy(ctx, counter, delta)
		p.ZIncrBy(ctx, zset, float64(delta), "m0")
		p.RPush(ctx, list, value)
		return nil
	})
	op = op.ended(err)
	w.load.Model.Add(counter, "", op, delta)
	w.load.Model.Add(zset, "m0", op, delta)
	w.load.Model.Insert(list, value, op)
	return err
}

// restDB is the logical database of commands that no model follows.
const restDB = 3

// AddRest starts a writer of random commands of all types in a region. No model
// knows what they make; that all regions hold the same is for verify to say.
func (l *Load) AddRest(c *cluster.Cluster, region string) {
	w := &writer{load: l, region: region, cl: newClient(c.Node(region).Addr())}
	w.cmds = oracle.NewCommands(l.seed+uint64(l.regions)<<32, 4, restForms, map[string]oracle.Word{
		"script": func(r *rand.Rand) []string {
			return []string{"redis.call('SET', KEYS[1], ARGV[1]) redis.call('RPUSH', KEYS[2], ARGV[1]) return 1"}
		},
	})
	l.wg.Go(func() { w.run(l.ctx, (*writer).rest) })
	l.regions++
}

// restForms are what no single server can be compared on, but regions must agree
// on.
var restForms = []string{
	"PEXPIRE <any> (1|50|3000|60000)",
	"SET <str> <val> PX (5|1000|60000)",
	"XADD <stream> MAXLEN 5 * a <val>",
	"EVAL <script> 2 <any> <any> <val>",
	"HPEXPIRE <hash> (1|50|5000) FIELDS 2 <member> <member>",
	"DEL <any> <any>",
}

// rest sends one random command, in one transaction with SELECT so that it
// works in restDB whatever connection it goes over. What would leave the
// database or end the connection's state is left out.
func (w *writer) rest(ctx context.Context) error {
	args := w.cmds.Next()
	switch strings.ToUpper(args[0]) {
	case "SELECT", "SWAPDB", "FLUSHALL", "MOVE", "MULTI", "EXEC", "DISCARD", "WATCH", "UNWATCH":
		return nil
	}
	list := make([]any, len(args))
	for i, a := range args {
		list[i] = a
	}
	_, err := w.cl.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.Do(ctx, "SELECT", restDB)
		p.Do(ctx, list...)
		p.Do(ctx, "SELECT", 0)
		return nil
	})
	if err != nil && fateOf(err) != unknown {
		return nil // commands at random are often wrong
	}
	return err
}
