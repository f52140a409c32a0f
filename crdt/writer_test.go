package crdt

import "errors"

// writer is the least that can write: one replica's clock. Each op goes through
// its codec on the way, as in a log.
type writer struct {
	id   ReplicaID
	time Timestamp
}

// do applies op under the writer's next dot and returns it as bytes.
func (w *writer) do(o *Object, op *Op) (b []byte, d Dot) {
	w.time++
	b, d = AppendOp(nil, op), Dot{w.time, w.id}
	applyBytes(o, b, d)
	return b, d
}

func applyBytes(o *Object, b []byte, d Dot) {
	var op Op
	if err := DecodeOp(&op, b); err != nil {
		panic(err)
	}
	o.Apply(&op, d)
}

func (w *writer) put(o *Object, value string) ([]byte, Dot) {
	op := &Op{Kind: KindPut}
	o.PreparePut(op, []byte(value), false, 0)
	return w.do(o, op)
}

func (w *writer) del(o *Object) ([]byte, Dot) {
	op := &Op{Kind: KindDelete}
	o.PrepareDelete(op)
	return w.do(o, op)
}

func (w *writer) expire(o *Object, at int64) ([]byte, Dot) {
	op := &Op{Kind: KindDeadline}
	o.PrepareDeadline(op, at)
	return w.do(o, op)
}

func (w *writer) incr(o *Object, delta int64) ([]byte, Dot) {
	op := &Op{Kind: KindIncr, Delta: Int(delta)}
	if err := o.PrepareChange(op, TypeString); err != nil {
		panic(err)
	}
	var err error
	if op.Total, _, err = o.Cell.IncrInt(w.id, delta); err != nil {
		panic(err)
	}
	return w.do(o, op)
}

// change prepares a change of a collection with fn and applies it.
func (w *writer) change(o *Object, kind Kind, t Type, fn func(op *Op)) ([]byte, Dot) {
	op := &Op{Kind: kind}
	if err := o.PrepareChange(op, t); err != nil {
		panic(err)
	}
	fn(op)
	return w.do(o, op)
}

func (w *writer) sadd(o *Object, names ...string) ([]byte, Dot) {
	return w.change(o, KindSetAdd, TypeSet, func(op *Op) { o.Set().PrepareAdd(op, list(names)) })
}

func (w *writer) srem(o *Object, names ...string) ([]byte, Dot) {
	return w.change(o, KindSetRemove, TypeSet, func(op *Op) { o.Set().PrepareRemove(op, list(names)) })
}

func (w *writer) hset(o *Object, pairs ...string) ([]byte, Dot) {
	return w.change(o, KindHashSet, TypeHash, func(op *Op) { o.Hash().PrepareSet(op, list(pairs)) })
}

func (w *writer) hdel(o *Object, fields ...string) ([]byte, Dot) {
	return w.change(o, KindHashRemove, TypeHash, func(op *Op) { o.Hash().PrepareRemove(op, list(fields)) })
}

func (w *writer) hexpire(o *Object, field string, at int64) ([]byte, Dot) {
	return w.change(o, KindHashExpire, TypeHash, func(op *Op) { o.Hash().PrepareDeadline(op, []byte(field), at) })
}

func (w *writer) hincr(o *Object, field string, delta int64) ([]byte, Dot) {
	return w.change(o, KindHashIncr, TypeHash, func(op *Op) {
		if _, _, err := o.Hash().PrepareIncr(op, w.id, []byte(field), delta); err != nil {
			panic(err)
		}
	})
}

func (w *writer) pfadd(o *Object, names ...string) ([]byte, Dot) {
	return w.change(o, KindHLLAdd, TypeHLL, func(op *Op) { prepareSketch(o, op, list(names)) })
}

func (w *writer) incrFloat(o *Object, delta string) string {
	op := &Op{Kind: KindIncr}
	if err := o.PrepareChange(op, TypeString); err != nil {
		panic(err)
	}
	var value Number
	var err error
	if op.Total, op.Delta, value, err = o.Cell.IncrFloat(w.id, []byte(delta)); err != nil {
		return floatErr(err)
	}
	w.do(o, op)
	return string(value.Append(nil))
}

func (w *writer) hincrFloat(o *Object, field, delta string) string {
	op := &Op{Kind: KindHashIncr}
	if err := o.PrepareChange(op, TypeHash); err != nil {
		panic(err)
	}
	value, _, err := o.Hash().PrepareIncrFloat(op, w.id, []byte(field), []byte(delta))
	if err != nil {
		return floatErr(err)
	}
	w.do(o, op)
	return string(value.Append(nil))
}

func floatErr(err error) string {
	if errors.Is(err, ErrNaN) {
		return "!nan"
	}
	return "!float"
}

func list(names []string) (out [][]byte) {
	for _, n := range names {
		out = append(out, []byte(n))
	}
	return out
}
