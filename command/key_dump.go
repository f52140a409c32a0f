package command

import (
	"encoding/binary"
	"math"

	"crdb/engine"
)

// keyDump runs DUMP: the value in encodings that every Redis can read.
func keyDump(c *Context) {
	b, ok, err := dumpKey(c, c.Args[1])
	switch {
	case err != nil:
		c.Error(err)
	case !ok:
		c.Out.Null()
	default:
		b = binary.LittleEndian.AppendUint16(b, dumpVersion)
		c.Out.Bulk(binary.LittleEndian.AppendUint64(b, dumpChecksum(b)))
	}
}

func dumpKey(c *Context, key []byte) (b []byte, ok bool, err error) {
	var n int
	add := func(v []byte) bool { b = appendDumpString(b, v); return true }
	switch typ := c.Tx.Type(key); typ {
	case engine.TypeNone:
		return nil, false, nil
	case engine.TypeString:
		var val []byte
		if val, _, err = c.Tx.Get(key); err == nil {
			b = appendDumpString([]byte{rdbString}, val)
		}
	case engine.TypeSet:
		n, err = c.Tx.SetLen(key)
		b = appendDumpLength([]byte{rdbSet}, uint64(n))
		if err == nil {
			err = c.Tx.SetEach(key, add)
		}
	case engine.TypeList:
		n, err = c.Tx.ListLen(key)
		b = appendDumpLength([]byte{rdbList}, uint64(n))
		if err == nil {
			err = c.Tx.ListEach(key, 0, add)
		}
	case engine.TypeHash:
		n, err = c.Tx.HashLen(key)
		b = appendDumpLength([]byte{rdbHash}, uint64(n))
		if err == nil {
			err = c.Tx.HashEach(key, func(f, v []byte) bool { return add(f) && add(v) })
		}
	case engine.TypeZSet:
		n, err = c.Tx.ZSetLen(key)
		b = appendDumpLength([]byte{rdbZSet2}, uint64(n))
		if err == nil {
			err = c.Tx.ZSetRange(key, 0, n, true, func(m []byte, score float64) bool {
				add(m)
				b = binary.LittleEndian.AppendUint64(b, math.Float64bits(score))
				return true
			})
		}
	default:
		return nil, false, errDumpType
	}
	return b, true, err
}

type dumpError string

func (e dumpError) Error() string { return string(e) }

const errDumpType = dumpError("ERR DUMP of a stream is not supported yet")

func appendDumpLength(b []byte, n uint64) []byte {
	switch {
	case n < 1<<6:
		return append(b, byte(n))
	case n < 1<<14:
		return append(b, 0x40|byte(n>>8), byte(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(b, 0x80), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(b, 0x81), n)
}

func appendDumpString(b, s []byte) []byte {
	return append(appendDumpLength(b, uint64(len(s))), s...)
}

// keyRestore runs RESTORE: a write of everything the payload holds.
func keyRestore(c *Context) {
	o, ok := parseRestore(c)
	if !ok {
		return
	}
	key, payload := c.Args[1], c.Args[3]
	if !o.replace && c.Tx.Exists(key) {
		c.Out.Error("BUSYKEY Target key name already exists.")
		return
	}
	at, ok := c.argInt(2)
	if !ok {
		return
	}
	if at < 0 {
		c.Out.Error("ERR Invalid TTL value, must be >= 0")
		return
	}
	body := len(payload) - dumpFooter
	if body < 0 || binary.LittleEndian.Uint16(payload[body:]) > dumpVersion ||
		binary.LittleEndian.Uint64(payload[body+2:]) != dumpChecksum(payload[:body+2]) {
		c.Out.Error("ERR DUMP payload version or checksum are wrong")
		return
	}
	d, err := parseDump(payload[:body])
	if err != nil {
		c.Error(err)
		return
	}
	c.Tx.Atomic()
	c.Tx.Delete(key)
	if at != 0 && !o.absolute {
		at += c.Tx.Now()
	}
	if at == 0 || at > c.Tx.Now() {
		if err := restoreValue(c, key, d); err != nil {
			c.Error(err)
			return
		}
		if at != 0 {
			c.Tx.SetDeadline(key, at)
		}
		if o.idle > 0 {
			c.Tx.SetIdle(key, o.idle)
		}
	}
	c.Out.OK()
}

func restoreValue(c *Context, key []byte, d dumped) (err error) {
	switch d.typ {
	case rdbString:
		c.Tx.Put(key, d.values[0], expiryNone)
	case rdbSet:
		_, err = c.Tx.SetAdd(key, d.values)
	case rdbList:
		_, err = c.Tx.ListPush(key, false, d.values)
	case rdbHash:
		_, err = c.Tx.HashSet(key, d.values)
	case rdbZSet2:
		c.Tx.ZSetStore(key, d.values, d.scores)
	}
	return err
}

// restoreOptions are the options of RESTORE.
type restoreOptions struct {
	replace, absolute bool
	idle              int64
}

func parseRestore(c *Context) (o restoreOptions, ok bool) {
	idle, freq := int64(-1), int64(-1)
	for i := 4; i < len(c.Args); i++ {
		switch arg, more := c.Args[i], i+1 < len(c.Args); {
		case isOption(arg, "replace"):
			o.replace = true
		case isOption(arg, "absttl"):
			o.absolute = true
		case isOption(arg, "idletime") && more && freq == -1:
			i++
			if idle, ok = c.argInt(i); !ok {
				return o, false
			}
			if idle < 0 {
				c.Out.Error("ERR Invalid IDLETIME value, must be >= 0")
				return o, false
			}
		case isOption(arg, "freq") && more && idle == -1:
			i++
			if freq, ok = c.argInt(i); !ok {
				return o, false
			}
			if freq < 0 || freq > 255 {
				c.Out.Error("ERR Invalid FREQ value, must be >= 0 and <= 255")
				return o, false
			}
		default:
			c.Out.Error(msgSyntax)
			return o, false
		}
	}
	o.idle = idle
	return o, true
}
