package command

import (
	"crdb/crdt"
	"crdb/engine"
)

// remoteEvents are the names of what operations of other regions do. An
// operation is an effect: it does not say which command caused it, so the name
// is that of the plainest command with this effect.
var remoteEvents = map[crdt.Kind]struct {
	class events
	name  string
}{
	crdt.KindPut:          {evString, "set"},
	crdt.KindIncr:         {evString, "incrby"},
	crdt.KindHLLAdd:       {evString, "pfadd"},
	crdt.KindSetAdd:       {evSet, "sadd"},
	crdt.KindSetRemove:    {evSet, "srem"},
	crdt.KindHashSet:      {evHash, "hset"},
	crdt.KindHashRemove:   {evHash, "hdel"},
	crdt.KindHashIncr:     {evHash, "hincrby"},
	crdt.KindZSetAdd:      {evZSet, "zadd"},
	crdt.KindZSetRemove:   {evZSet, "zrem"},
	crdt.KindZSetIncr:     {evZSet, "zincr"},
	crdt.KindListSet:      {evList, "lset"},
	crdt.KindListRemove:   {evList, "lrem"},
	crdt.KindListCut:      {evList, "lrem"},
	crdt.KindStreamAdd:    {evStream, "xadd"},
	crdt.KindStreamRemove: {evStream, "xdel"},
}

// notifyRemote tells of an operation of another region, or of what a state
// transfer has done to a key.
func (srv *Server) notifyRemote(on events, c engine.Change) {
	at := dbKeyRef{c.DB, c.Key}
	switch c.Op.Kind {
	case crdt.KindDelete:
		srv.notify(on, evGeneric, "del", at)
		return
	case crdt.KindFlush, crdt.KindListMove: // Redis is silent about them
		return
	case crdt.KindHashExpire:
		name := "hexpire"
		if crdt.Persists(c.Op) {
			name = "hpersist"
		}
		srv.notify(on, evHash, name, at)
		return
	case crdt.KindDeadline:
		srv.notify(on, evGeneric, deadlineEvent(c.Op), at)
		return
	case crdt.KindListPush:
		srv.notify(on, evList, [...]string{"rpush", "lpush", "linsert"}[c.Push], at)
	case crdt.KindStreamAdd, crdt.KindStreamRemove:
		if c.Merged { // nobody knows what of it is new
			srv.notify(on, evStream, "xadd", at)
			break
		}
		srv.notifyStream(on, c.Op, at)
	default:
		e := remoteEvents[c.Op.Kind]
		srv.notify(on, e.class, floatName(c.Op, e.name), at)
		if c.Op.Kind == crdt.KindPut && c.Op.Deadline != 0 {
			srv.notify(on, evGeneric, "expire", at)
		}
	}
	if c.Gone {
		srv.notify(on, evGeneric, "del", at)
	}
}

func deadlineEvent(op *crdt.Op) string {
	if op.Deadline == 0 {
		return "persist"
	}
	return "expire"
}

// floatName is the name of an increment by a fraction.
func floatName(op *crdt.Op, name string) string {
	delta := op.Delta
	if op.Kind == crdt.KindHashIncr && len(op.Elems) > 0 {
		delta = op.Elems[len(op.Elems)-1].Delta
	}
	if _, whole := delta.Int64(); !whole {
		return name + "float"
	}
	return name
}

// notifyStream tells of each kind of thing that an operation does to a stream.
func (srv *Server) notifyStream(on events, op *crdt.Op, at dbKeyRef) {
	does := crdt.StreamEffects(op)
	for _, e := range []struct {
		is   bool
		name string
	}{
		{does.Adds, "xadd"},
		{does.Trims, "xtrim"},
		{does.Removes, "xdel"},
		{does.Creates, "xgroup-create"},
		{does.Destroys, "xgroup-destroy"},
		{does.Marks && !does.Adds && !does.Removes && !does.Creates, "xsetid"},
	} {
		if e.is {
			srv.notify(on, evStream, e.name, at)
		}
	}
}
