package command

import (
	"errors"

	"crdb/engine"
	"crdb/rdb"
)

// The way of values between the keyspace and Redis's format, for DUMP and
// RESTORE, export and import.

// kinds are the kinds of types.
var kinds = map[engine.Type]rdb.Kind{
	engine.TypeString: rdb.String, engine.TypeList: rdb.List, engine.TypeSet: rdb.Set, engine.TypeHash: rdb.Hash, engine.TypeZSet: rdb.ZSet,
	engine.TypeStream: rdb.StreamKind,
}

// writeValue writes what a key holds as an object; false if there is no key.
func writeValue(w *rdb.Writer, tx *engine.Tx, key []byte) (ok bool, err error) {
	typ := tx.Type(key)
	if typ == engine.TypeNone {
		return false, nil
	}
	if typ == engine.TypeStream {
		s, err := tx.Stream(key)
		if err == nil {
			w.Stream(streamValue(s))
		}
		return true, err
	}
	if typ == engine.TypeHash && w.Dated {
		if first, err := tx.HashFirstDeadline(key); first != 0 || err != nil {
			return true, errors.Join(err, writeDatedHash(w, tx, key, first))
		}
	}
	kind := kinds[typ]
	n, err := valueLen(tx, typ, key)
	if err != nil {
		return false, err
	}
	w.Object(kind, n)
	item := func(b []byte) bool { w.Item(b); return true }
	switch typ {
	case engine.TypeString:
		var val []byte
		val, _, err = tx.Get(key)
		item(val)
	case engine.TypeSet:
		err = tx.SetEach(key, item)
	case engine.TypeList:
		err = tx.ListEach(key, 0, item)
	case engine.TypeHash:
		err = tx.HashEach(key, func(f, v []byte) bool { return item(f) && item(v) })
	case engine.TypeZSet:
		err = tx.ZSetRange(key, 0, n, true, func(m []byte, score float64) bool { w.Scored(m, score); return true })
	}
	return true, err
}

func writeDatedHash(w *rdb.Writer, tx *engine.Tx, key []byte, first int64) error {
	n, err := tx.HashLen(key)
	if err != nil {
		return err
	}
	w.DatedHash(n, first)
	return tx.HashEachDated(key, func(f, v []byte, at int64) bool { w.DatedItem(f, v, at); return true })
}

func valueLen(tx *engine.Tx, typ engine.Type, key []byte) (int, error) {
	switch typ {
	case engine.TypeSet:
		return tx.SetLen(key)
	case engine.TypeList:
		return tx.ListLen(key)
	case engine.TypeHash:
		return tx.HashLen(key)
	case engine.TypeZSet:
		return tx.ZSetLen(key)
	}
	return 0, nil
}

// restoreBytes is how much of a value goes into one op, about: a payload that is compressed
// may hold more than an op can.
const restoreBytes = 64 << 20

// putWhole is putValue of a whole value, without a deadline, by ops of about so many bytes.
func putWhole(tx *engine.Tx, key []byte, v rdb.Value, most int) error {
	for more := true; more; more = len(v.Items) > 0 {
		if err := putValue(tx, key, cutFront(&v, most), expiryNone); err != nil {
			return err
		}
	}
	return nil
}

// cutFront takes items of so many bytes off the front of a value.
func cutFront(v *rdb.Value, most int) (part rdb.Value) {
	step := 1
	if v.Kind == rdb.Hash {
		step = 2
	}
	n := 0
	for size := 0; n < len(v.Items) && size < most; n += step {
		for _, item := range v.Items[n : n+step] {
			size += len(item) + itemRoom
		}
	}
	part = *v
	part.Items, v.Items = v.Items[:n], v.Items[n:]
	if v.Scores != nil {
		part.Scores, v.Scores = v.Scores[:n], v.Scores[n:]
	}
	if v.Times != nil {
		part.Times, v.Times = v.Times[:n/2], v.Times[n/2:]
	}
	return part
}

// itemRoom is what an item takes in an op besides itself, about.
const itemRoom = 16

// putValue adds a value, or a part of one, to what a key holds; a string, with
// its deadline, replaces it.
func putValue(tx *engine.Tx, key []byte, v rdb.Value, x engine.Expiry) (err error) {
	switch v.Kind {
	case rdb.String:
		tx.Put(key, v.Items[0], x)
	case rdb.Set:
		_, err = tx.SetAdd(key, v.Items)
	case rdb.List:
		_, err = tx.ListPush(key, false, v.Items)
	case rdb.Hash:
		if v.Times != nil {
			return tx.HashSetDated(key, v.Items, v.Times)
		}
		_, err = tx.HashSet(key, v.Items)
	case rdb.ZSet:
		_, _, err = tx.ZSetAdd(key, v.Items, v.Scores, engine.ScoreRule{})
	case rdb.StreamKind:
		err = tx.StreamPut(key, streamOf(v.Stream))
	}
	return err
}
