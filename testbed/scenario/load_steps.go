package scenario

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// count increments a counter that all regions share.
func (w *writer) count(ctx context.Context) error {
	key, delta := w.key("counter"), w.delta()
	op := w.begin()
	err := w.cl.IncrBy(ctx, key, delta).Err()
	w.load.Model.Add(key, "", op.ended(err), delta)
	return err
}

// text sets a string: one that all regions share or one of its own.
func (w *writer) text(ctx context.Context) error {
	key, value := w.key("text"), w.fresh()
	if w.rng.IntN(2) == 0 {
		key = w.key("text:" + w.region)
	}
	op := w.begin()
	err := w.cl.Set(ctx, key, value, 0).Err()
	w.load.Model.Set(key, value, op.ended(err))
	return err
}

// member changes a set that all regions share.
func (w *writer) member(ctx context.Context) error {
	key := w.key("set")
	switch n := w.rng.IntN(100); {
	case n < 75:
		return w.addMember(ctx, key)
	case n < 88:
		return w.removeSeen(ctx, key)
	case n < 99:
		return w.popMember(ctx, key)
	}
	return w.deleteSet(ctx, key)
}

func (w *writer) addMember(ctx context.Context, key string) error {
	member := w.fresh()
	op := w.begin()
	err := w.cl.SAdd(ctx, key, member).Err()
	w.load.Model.Insert(key, member, op.ended(err))
	return err
}

// removeSeen removes a member that this region shows, whoever added it.
func (w *writer) removeSeen(ctx context.Context, key string) error {
	member, err := w.cl.SRandMember(ctx, key).Result()
	if err == redis.Nil {
		return nil
	}
	if err != nil {
		return err
	}
	op := w.begin()
	n, err := w.cl.SRem(ctx, key, member).Result()
	op = op.ended(err)
	if op.fate == unknown || n == 1 {
		w.load.Model.Remove(key, member, op)
	}
	return err
}

// popMember removes any member. When the reply is lost, nobody knows which.
func (w *writer) popMember(ctx context.Context, key string) error {
	op := w.begin()
	member, err := w.cl.SPop(ctx, key).Result()
	op = op.ended(err)
	switch {
	case op.fate == unknown:
		w.load.Model.RemoveAny(key, op)
	case err == nil:
		w.load.Model.Remove(key, member, op)
	case err == redis.Nil:
		return nil
	}
	return err
}

// deleteSet deletes a whole set and knows exactly what it saw of it.
func (w *writer) deleteSet(ctx context.Context, key string) error {
	var seen *redis.StringSliceCmd
	op := w.begin()
	_, err := w.cl.TxPipelined(ctx, func(p redis.Pipeliner) error {
		seen = p.SMembers(ctx, key)
		p.Del(ctx, key)
		return nil
	})
	op = op.ended(err)
	if op.fate == unknown {
		w.load.Model.RemoveAny(key, op)
		return err
	}
	for _, member := range seen.Val() {
		w.load.Model.Remove(key, member, op)
	}
	return err
}

// field changes a hash that all regions share: it counts in a field, adds a
// field, or removes one that it added.
func (w *writer) field(ctx context.Context) error {
	key := w.key("hash")
	switch n := w.rng.IntN(10); {
	case n < 5:
		return w.countField(ctx, key)
	case n < 9 || len(w.mine) == 0:
		return w.addField(ctx)
	}
	return w.removeField(ctx)
}

func (w *writer) countField(ctx context.Context, key string) error {
	field, delta := fmt.Sprintf("count%d", w.rng.IntN(2)), w.delta()
	op := w.begin()
	err := w.cl.HIncrBy(ctx, key, field, delta).Err()
	w.load.Model.Add(key, field, op.ended(err), delta)
	return err
}

// ownFields is the hash whose fields are added and removed; it holds no
// counters.
const ownFields = "hash:fields"

func (w *writer) addField(ctx context.Context) error {
	field := w.fresh()
	op := w.begin()
	err := w.cl.HSet(ctx, ownFields, field, w.made).Err()
	op = op.ended(err)
	w.load.Model.Insert(ownFields, field, op)
	if op.fate == sure {
		w.mine = append(w.mine, field)
	}
	return err
}

func (w *writer) removeField(ctx context.Context) error {
	i := w.rng.IntN(len(w.mine))
	field := w.mine[i]
	w.mine[i] = w.mine[len(w.mine)-1]
	w.mine = w.mine[:len(w.mine)-1]
	op := w.begin()
	n, err := w.cl.HDel(ctx, ownFields, field).Result()
	op = op.ended(err)
	if op.fate == unknown || n == 1 {
		w.load.Model.Remove(ownFields, field, op)
	}
	return err
}
