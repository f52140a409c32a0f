package command

import (
	"errors"
	"strconv"
	"strings"

	"crdb/crdt"
	"crdb/engine"
)

// events is a set of what notify-keyspace-events names.
type events uint16

const (
	byKeyspace events = 1 << iota // K: to __keyspace@db__:key
	byKeyevent                    // E: to __keyevent@db__:event
	evGeneric                     // g
	evString                      // $
	evList                        // l
	evSet                         // s
	evHash                        // h
	evZSet                        // z
	evExpired                     // x
	evEvicted                     // e
	evStream                      // t
	evModule                      // d: nothing here makes them
	evNew                         // n
	evMiss                        // m

	evAll = evGeneric | evString | evList | evSet | evHash | evZSet | evExpired | evEvicted | evStream | evModule // A
)

// eventLetters are the letters of the bits above; eventOrder is how CONFIG GET
// puts them.
const (
	eventLetters = "KEg$lshzxetdnm"
	eventOrder   = "g$lshzxetdnKEm"
)

// parseKeyEvents reads notify-keyspace-events and writes it as Redis does: with
// A, which does not stand for n, n is not shown.
func parseKeyEvents(value string) (text string, set int64, err error) {
	var on events
	for _, ch := range value {
		i := strings.IndexRune(eventLetters, ch)
		switch {
		case ch == 'A':
			on |= evAll
		case i < 0:
			return "", 0, errors.New("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.")
		default:
			on |= 1 << i
		}
	}
	shown := on
	if on&evAll == evAll {
		text, shown = "A", on&^(evAll|evNew)
	}
	for _, ch := range eventOrder {
		if shown&(1<<strings.IndexRune(eventLetters, ch)) != 0 {
			text += string(ch)
		}
	}
	return text, int64(on), nil
}

// audible is the empty set if nobody could hear of anything: without K and E.
func audible(on events) events {
	if on&(byKeyspace|byKeyevent) == 0 {
		return 0
	}
	return on
}

// notify publishes an event of a key to the subscribers here, if it is of a
// class that is on. Like every message they are bounded by
// client-output-buffer-limit. It may be called under locks of the engine.
func (srv *Server) notify(on, class events, name string, at dbKeyRef) {
	if on&class == 0 || !srv.pubsub.Any() {
		return
	}
	buf := make([]byte, 0, 32+len(at.key)+len(name))
	if on&byKeyspace != 0 {
		b := strconv.AppendInt(append(buf, "__keyspace@"...), int64(at.db), 10)
		srv.pubsub.Publish(append(append(b, "__:"...), at.key...), []byte(name))
	}
	if on&byKeyevent != 0 {
		b := strconv.AppendInt(append(buf, "__keyevent@"...), int64(at.db), 10)
		srv.pubsub.Publish(append(append(b, "__:"...), name...), at.key)
	}
}

// dbKeyRef is a key of a logical database, borrowed.
type dbKeyRef struct {
	db  int
	key []byte
}

// event tells of what the command has done to a key, in the words of Redis.
func (c *Context) event(class events, name string, key []byte) {
	if on := c.S.set.notify; on&class != 0 {
		c.Server.notify(on, class, name, dbKeyRef{c.Tx.DB(), key})
	}
}

// eventIn is event for a key of another logical database.
func (c *Context) eventIn(db int, name string, key []byte) {
	if on := c.S.set.notify; on&evGeneric != 0 {
		c.Server.notify(on, evGeneric, name, dbKeyRef{db, key})
	}
}

// eventDel tells that a key has been deleted.
func (c *Context) eventDel(key []byte) { c.event(evGeneric, "del", key) }

// eventRemoval tells of something taken out of a key, and of the key's end if
// it was the last.
func (c *Context) eventRemoval(class events, name string, key []byte) {
	if c.S.set.notify == 0 {
		return
	}
	c.event(class, name, key)
	if c.Tx.Type(key) == engine.TypeNone {
		c.eventDel(key)
	}
}

// eventStore tells of a key that was written over with n elements; with none
// it is deleted, if it was there.
func (c *Context) eventStore(class events, name string, key []byte, n int, was bool) {
	switch {
	case n > 0:
		c.event(class, name, key)
	case was:
		c.eventDel(key)
	}
}

// observe makes the engine tell of changes, as tracking and notifications need.
func (srv *Server) observe() { srv.engine.Observe(srv.keyChanged) }

// keyChanged is the engine's observer. What a client's command does to a key
// the command itself tells, by its own name; the rest is told here.
func (srv *Server) keyChanged(c engine.Change) {
	srv.tracking.invalidate(srv, c.By, c.Key)
	on := srv.settings.Load().notify
	if on == 0 || c.Key == nil {
		return
	}
	at := dbKeyRef{c.DB, c.Key}
	if c.Created {
		srv.notify(on, evNew, "new", at)
	}
	switch {
	case c.Op == nil:
	case c.Faded || c.Op.Flags&crdt.Expired != 0 && c.Op.Kind == crdt.KindHashRemove:
		srv.notify(on, evHash, "hexpired", at)
		if c.Gone {
			srv.notify(on, evGeneric, "del", at)
		}
	case c.Op.Flags&crdt.Expired != 0:
		srv.notify(on, evExpired, "expired", at)
	case c.Op.Flags&crdt.Evicted != 0:
		srv.notify(on, evEvicted, "evicted", at)
	case c.By == nil:
		srv.notifyRemote(on, c)
	}
}
