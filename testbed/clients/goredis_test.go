package clients

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"crdb/testbed/cluster"
)

// TestGoRedis connects go-redis with its defaults, which speak RESP3, and
// with RESP2, and runs basic commands.
func TestGoRedis(t *testing.T) {
	c := cluster.StartTest(t, cluster.Options{Regions: []string{"us-east"}})
	addr := c.Node("us-east").Addr()
	for name, opts := range map[string]*redis.Options{
		"defaults": {Addr: addr},
		"RESP2":    {Addr: addr, Protocol: 2},
	} {
		t.Run(name, func(t *testing.T) {
			cl := redis.NewClient(opts)
			defer cl.Close()
			g := &goRedis{T: t, cl: cl, ctx: t.Context()}
			g.equal("FLUSHDB", cl.FlushDB(g.ctx), "OK")
			g.values()
			g.collections()
			g.transactions()
			g.messages()
			g.administration()
		})
	}
}

type goRedis struct {
	*testing.T
	cl  *redis.Client
	ctx context.Context
}

// equal checks a command's result; nil stands for redis.Nil.
func (g *goRedis) equal(name string, cmd redis.Cmder, want any) {
	g.Helper()
	if errors.Is(cmd.Err(), redis.Nil) && want == nil {
		return
	}
	if cmd.Err() != nil {
		g.Fatalf("%s: %v", name, cmd.Err())
	}
	if got := reflect.ValueOf(cmd).MethodByName("Val").Call(nil)[0].Interface(); !reflect.DeepEqual(got, want) {
		g.Fatalf("%s: got %v, want %v", name, got, want)
	}
}

func (g *goRedis) values() {
	cl, ctx := g.cl, g.ctx
	g.equal("PING", cl.Ping(ctx), "PONG")
	g.equal("SET", cl.Set(ctx, "s", "v", time.Minute), "OK")
	g.equal("GET", cl.Get(ctx, "s"), "v")
	g.equal("GET", cl.Get(ctx, "missing"), nil)
	g.equal("SET NX", cl.SetNX(ctx, "s", "w", 0), false)
	g.equal("GETSET", cl.GetSet(ctx, "s", "w"), "v")
	g.equal("INCRBY", cl.IncrBy(ctx, "n", 41), int64(41))
	g.equal("INCRBYFLOAT", cl.IncrByFloat(ctx, "f", 1.5), 1.5)
	g.equal("MSET", cl.MSet(ctx, "a", 1, "b", 2), "OK")
	g.equal("MGET", cl.MGet(ctx, "a", "b", "missing"), []any{"1", "2", nil})
	g.equal("EXPIRE", cl.Expire(ctx, "a", time.Hour), true)
	g.equal("TTL", cl.TTL(ctx, "a"), time.Hour)
	g.equal("TTL", cl.TTL(ctx, "b"), time.Duration(-1))
	g.equal("DEL", cl.Del(ctx, "a", "b"), int64(2))
	if err := cl.Incr(ctx, "s").Err(); err == nil || err.Error() != "ERR value is not an integer or out of range" {
		g.Errorf("INCR of a word: %v", err)
	}
}

func (g *goRedis) collections() {
	cl, ctx := g.cl, g.ctx
	g.equal("HSET", cl.HSet(ctx, "h", "f", "1", "g", "2"), int64(2))
	g.equal("HGETALL", cl.HGetAll(ctx, "h"), map[string]string{"f": "1", "g": "2"})
	g.equal("HINCRBY", cl.HIncrBy(ctx, "h", "f", 4), int64(5))
	g.equal("SADD", cl.SAdd(ctx, "set", "x"), int64(1))
	g.equal("SMEMBERSMAP", cl.SMembersMap(ctx, "set"), map[string]struct{}{"x": {}})
	g.equal("SISMEMBER", cl.SIsMember(ctx, "set", "x"), true)
	g.equal("TYPE", cl.Type(ctx, "set"), "set")
	g.equal("EXISTS", cl.Exists(ctx, "h", "set", "missing"), int64(2))
}

func (g *goRedis) transactions() {
	cl, ctx := g.cl, g.ctx
	cmds, err := cl.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.Incr(ctx, "n")
		p.Get(ctx, "n")
		return nil
	})
	if err != nil {
		g.Fatal(err)
	}
	g.equal("INCR in MULTI", cmds[0], int64(42))
	g.equal("GET in MULTI", cmds[1], "42")
	err = cl.Watch(ctx, func(tx *redis.Tx) error {
		if err := cl.Set(ctx, "n", "changed", 0).Err(); err != nil {
			return err
		}
		_, err := tx.TxPipelined(ctx, func(p redis.Pipeliner) error { return p.Set(ctx, "n", "lost", 0).Err() })
		return err
	}, "n")
	if !errors.Is(err, redis.TxFailedErr) {
		g.Fatalf("WATCH of a key that changed: %v", err)
	}
}

func (g *goRedis) messages() {
	sub := g.cl.PSubscribe(g.ctx, "c*")
	defer sub.Close()
	if _, err := sub.Receive(g.ctx); err != nil {
		g.Fatal(err)
	}
	g.equal("PUBLISH", g.cl.Publish(g.ctx, "ch", "hello"), int64(1))
	m, err := sub.ReceiveMessage(g.ctx)
	if err != nil || m.Channel != "ch" || m.Pattern != "c*" || m.Payload != "hello" {
		g.Fatalf("message %v, %v", m, err)
	}
}

func (g *goRedis) administration() {
	cl, ctx := g.cl, g.ctx
	g.equal("CONFIG GET", cl.ConfigGet(ctx, "appendfsync"), map[string]string{"appendfsync": "everysec"})
	if n := len(cl.Command(ctx).Val()); n < 50 {
		g.Errorf("COMMAND lists %d commands", n)
	}
	if info, err := cl.ClientInfo(ctx).Result(); err != nil || info.LibName == "" {
		g.Errorf("CLIENT INFO: %+v, %v", info, err)
	}
	if info, err := cl.Info(ctx, "crdt").Result(); err != nil || info == "" {
		g.Errorf("INFO crdt: %q, %v", info, err)
	}
	if _, err := cl.SlowLogGet(ctx, 10).Result(); err != nil {
		g.Errorf("SLOWLOG GET: %v", err)
	}
	it := cl.Scan(ctx, 0, "*", 2).Iterator()
	n := int64(0)
	for it.Next(ctx) {
		n++
	}
	g.equal("DBSIZE", cl.DBSize(ctx), n)
}
