package command

import "crdb/rdb"

// keyDump runs DUMP: the value in encodings that every Redis can read.
func keyDump(c *Context) {
	w := rdb.NewWriter(nil)
	switch ok, err := writeValue(w, c.Tx, c.Args[1]); {
	case err != nil:
		c.Error(err)
	case !ok:
		c.Tx.Miss(c.Args[1])
		c.Out.Null()
	default:
		c.Out.Bulk(rdb.AppendFooter(w.Bytes()))
	}
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
	object, err := rdb.CheckPayload(payload)
	if err != nil {
		c.Out.Error("ERR DUMP payload version or checksum are wrong")
		return
	}
	v, err := rdb.ParseObject(object)
	if err != nil {
		c.Out.Error("ERR Bad data format")
		return
	}
	c.Tx.Atomic()
	was := c.Tx.Delete(key)
	if at != 0 && !o.absolute {
		at += c.Tx.Now()
	}
	if at == 0 || at > c.Tx.Now() {
		if err := putWhole(c.Tx, key, v, restoreBytes); err != nil {
			c.Error(err)
			return
		}
		if at != 0 {
			c.Tx.SetDeadline(key, at)
		}
		if o.idle > 0 {
			c.Tx.SetIdle(key, o.idle)
		}
		if o.freq >= 0 {
			c.Tx.SetFreq(key, uint8(o.freq))
		}
		c.event(evGeneric, "restore", key)
	} else if was {
		c.eventDel(key)
	}
	c.Out.OK()
}

// restoreOptions are the options of RESTORE.
type restoreOptions struct {
	replace, absolute bool
	idle, freq        int64 // -1: not given
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
	o.idle, o.freq = idle, freq
	return o, true
}
