package command

import (
	"slices"

	"crdb/crdt"
	"crdb/engine"
)

func hashExpire(c *Context)    { setFieldExpiry(c, ttlSeconds) }
func hashPExpire(c *Context)   { setFieldExpiry(c, ttlMillis) }
func hashExpireAt(c *Context)  { setFieldExpiry(c, ttlUnixSeconds) }
func hashPExpireAt(c *Context) { setFieldExpiry(c, ttlUnixMillis) }

// setFieldExpiry is the HEXPIRE family. Unlike EXPIRE it takes one condition,
// and no negative times.
func setFieldExpiry(c *Context, unit ttlUnit) {
	if !c.checkHash() {
		return
	}
	at, ok := fieldDeadline(c, unit)
	if !ok {
		return
	}
	first := 4 // the number of fields
	var cond expireConditions
	for _, o := range []struct {
		name string
		on   *bool
	}{{"nx", &cond.nx}, {"xx", &cond.xx}, {"gt", &cond.gt}, {"lt", &cond.lt}} {
		if isOption(c.Args[3], o.name) {
			*o.on, first = true, 5
		}
	}
	fields, ok := c.argFields(first, "ERR Parameter `numFields` should be greater than 0")
	if !ok {
		return
	}
	allow := func(current int64) bool { return cond.allow(current, at) }
	outcomes, err := c.Tx.HashExpire(c.Args[1], fields, at, allow)
	switch {
	case slices.Contains(outcomes, engine.FieldDeleted):
		c.eventRemoval(evHash, "hdel", c.Args[1])
	case slices.Contains(outcomes, engine.FieldChanged):
		c.event(evHash, "hexpire", c.Args[1])
	}
	replyOutcomes(c, outcomes, err)
}

func hashPersist(c *Context) {
	fields, ok := fieldsOfHash(c)
	if !ok {
		return
	}
	outcomes, err := c.Tx.HashPersist(c.Args[1], fields)
	if slices.Contains(outcomes, engine.FieldChanged) {
		c.event(evHash, "hpersist", c.Args[1])
	}
	replyOutcomes(c, outcomes, err)
}

func replyOutcomes(c *Context, outcomes []engine.FieldOutcome, err error) {
	if err != nil {
		c.Error(err)
		return
	}
	c.Out.Array(len(outcomes))
	for _, o := range outcomes {
		c.Out.Int(int64(o))
	}
}

func hashTTL(c *Context)         { replyFieldDeadlines(c, c.Tx.Now(), 1000) }
func hashPTTL(c *Context)        { replyFieldDeadlines(c, c.Tx.Now(), 1) }
func hashExpireTime(c *Context)  { replyFieldDeadlines(c, 0, 1000) }
func hashPExpireTime(c *Context) { replyFieldDeadlines(c, 0, 1) }

// replyFieldDeadlines replies the deadlines of fields as distances from a time,
// in units of so many milliseconds, rounded up.
func replyFieldDeadlines(c *Context, from, unit int64) {
	fields, ok := fieldsOfHash(c)
	if !ok {
		return
	}
	c.Out.Array(len(fields))
	for _, f := range fields {
		at, there, _ := c.Tx.HashDeadline(c.Args[1], f) // the type has been checked
		switch {
		case !there:
			c.Out.Int(ttlNoKey)
		case at == 0:
			c.Out.Int(ttlNoDeadline)
		default:
			c.Out.Int((at - from + unit - 1) / unit)
		}
	}
}

// fieldsOfHash reads "key FIELDS numfields field ...", the key being a hash or
// missing. False means that the error is replied.
func fieldsOfHash(c *Context) ([][]byte, bool) {
	if !c.checkHash() {
		return nil, false
	}
	return c.argFields(3, "ERR Number of fields must be a positive integer")
}

// checkHash replies an error if the key is there and not a hash: that goes
// before errors of the arguments.
func (c *Context) checkHash() bool {
	if t := c.Tx.Type(c.Args[1]); t != engine.TypeHash && t != engine.TypeNone {
		c.Error(engine.ErrWrongType)
		return false
	}
	return true
}

// argFields reads the number of fields at argument i, behind the word FIELDS,
// and the fields. False means that the error is replied.
func (c *Context) argFields(i int, msgCount string) ([][]byte, bool) {
	if !isOption(c.Args[i-1], "fields") {
		c.Out.Error("ERR Mandatory argument FIELDS is missing or not at the right position")
		return nil, false
	}
	n, ok := c.argRange(i, 1, 1<<63-1, msgCount)
	if !ok {
		return nil, false
	}
	if n != int64(len(c.Args)-i-1) {
		c.Out.Error("ERR The `numfields` parameter must match the number of arguments")
		return nil, false
	}
	return c.Args[i+1:], true
}

// fieldDeadline turns the second argument into a deadline, which may have
// passed already. False means that the error is replied.
func fieldDeadline(c *Context, unit ttlUnit) (int64, bool) {
	n, ok := c.argInt(2)
	if !ok {
		return 0, false
	}
	if n < 0 {
		c.Out.Error("ERR invalid expire time, must be >= 0")
		return 0, false
	}
	base := int64(0)
	if unit == ttlSeconds || unit == ttlMillis {
		base = c.Tx.Now()
	}
	if unit == ttlSeconds || unit == ttlUnixSeconds {
		if n > crdt.MaxFieldDeadline/1000 {
			errorExpireTime(c)
			return 0, false
		}
		n *= 1000
	}
	if n > crdt.MaxFieldDeadline-base {
		errorExpireTime(c)
		return 0, false
	}
	return n + base, true
}
