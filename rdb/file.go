package rdb

import (
	"encoding/binary"
	"errors"
	"io"
	"strconv"
)

// A dump file is "REDIS", four digits of version, and then marks: facts about
// the writer, the database that follows, and keys, each after its deadline and
// use; a last mark and the checksum of everything before.
const (
	markSlot        = 244
	markFunction    = 245
	markOldFunction = 246
	markModule      = 247
	markIdle        = 248
	markFreq        = 249
	markAux         = 250
	markResize      = 251
	markDeadlineMS  = 252
	markDeadline    = 253
	markSelect      = 254
	markEnd         = 255
)

// The versions of files that are read. The checksum came with version 5.
const (
	minFile      = 2
	maxFile      = 12
	checkedSince = 5
)

// Key is a key of a file.
type Key struct {
	DB       int
	Name     []byte
	Deadline int64 // unix milliseconds; 0: none
	Idle     int64 // seconds since the last use; -1: unknown
	Freq     int   // logarithmic counter of uses; -1: unknown
}

// Handler takes what a file holds, in its order. An error ends the reading. A
// nil function drops what it would have been given.
type Handler struct {
	// Databases is how many there are for keys: a key of another one ends the reading. 0
	// takes any.
	Databases int
	// Begin is called when it is known that it is a dump file, of a version that can be read.
	Begin func() error
	// Part is given a key's value in parts; first says that it is the first.
	Part func(k *Key, v Value, first bool) error
	// Size is told about how many keys a database has, and how many of them
	// with a deadline.
	Size func(db int, keys, dated uint64) error
	// Function is given a library's code.
	Function func(code []byte) error
	// Aux is given a fact about the writer.
	Aux func(name, value []byte) error
}

// ReadFile reads a dump file to its end. Memory is bounded by the largest
// string, and about 64 KiB. An *Error says at which byte the file is wrong.
func (r *Reader) ReadFile(h *Handler) error {
	f := &file{r: r, h: h}
	f.clear()
	f.version()
	for r.err == nil && !f.ended {
		f.mark(r.byte())
	}
	if r.err == nil {
		f.checksum()
	}
	return r.err
}

// file is the state of reading one.
type file struct {
	r     *Reader
	h     *Handler
	ver   int
	key   Key // its database stays, the rest belongs to the key that follows
	ended bool
}

func (f *file) clear() { f.key = Key{DB: f.key.DB, Idle: -1, Freq: -1} }

func (f *file) version() {
	magic := f.r.take(9)
	if f.r.err != nil {
		var e *Error
		if errors.As(f.r.err, &e) { // of the bytes, not of the reading
			f.r.err = &Error{f.r.off, "not a dump file of Redis: it is too short"}
		}
		return
	}
	n, err := strconv.Atoi(string(magic[5:]))
	switch {
	case string(magic[:5]) != "REDIS" || err != nil:
		f.r.fail("not a dump file of Redis: it begins with %.9q", magic)
	case n < minFile || n > maxFile:
		f.r.fail("version %d of the format; versions %d to %d can be read", n, minFile, maxFile)
	}
	if f.ver = n; f.r.err == nil && f.h.Begin != nil {
		f.note(f.h.Begin())
	}
}

// mark reads what a byte begins.
func (f *file) mark(mark byte) {
	r := f.r
	switch mark {
	case markAux:
		name, value := r.str(), r.str()
		if r.err == nil && f.h.Aux != nil {
			f.note(f.h.Aux(name, value))
		}
	case markSelect:
		f.selectDB()
	case markResize:
		keys, dated := r.count(), r.count()
		if r.err == nil && f.h.Size != nil {
			f.note(f.h.Size(f.key.DB, keys, dated))
		}
	case markSlot:
		r.count()
		r.count()
		r.count()
	case markDeadlineMS:
		f.deadline(int64(binary.LittleEndian.Uint64(r.fixed(8))), 1)
	case markDeadline:
		f.deadline(int64(int32(binary.LittleEndian.Uint32(r.fixed(4)))), 1000)
	case markIdle:
		if n := r.count(); n < 1<<32 {
			f.key.Idle = int64(n)
		}
	case markFreq:
		f.key.Freq = int(r.byte())
	case markFunction:
		code := r.str()
		if r.err == nil && f.h.Function != nil {
			f.note(f.h.Function(code))
		}
	case markOldFunction:
		r.fail("a function in the form of a release candidate of Redis 7.0")
	case markModule:
		r.fail("data of a module, which only that module can read")
	case markEnd:
		f.ended = true
	default:
		f.object(mark)
	}
}

func (f *file) note(err error) {
	if err != nil && f.r.err == nil {
		f.r.err = err
	}
}

func (f *file) selectDB() {
	if n := f.r.count(); n < 1<<31 {
		f.key.DB = int(n)
	} else {
		f.r.fail("database %d", n)
	}
}

// deadline notes the deadline of the key that follows. One that lies before
// 1970 has passed as much as one in the first millisecond.
func (f *file) deadline(at, unit int64) {
	f.key.Deadline = max(at, 1)
	if f.key.Deadline < 1<<62/unit {
		f.key.Deadline *= unit
	}
}

// object reads a key. One without elements, which Redis before 6.2.6 could save, is
// left out, as Redis does.
func (f *file) object(typ byte) {
	r := f.r
	if typ > 26 {
		r.fail("unknown mark %d", typ)
		return
	}
	if f.key.Name = r.str(); r.err != nil {
		return
	}
	if n := f.h.Databases; n > 0 && f.key.DB >= n {
		r.fail("key %.64q is in database %d: there are %d", f.key.Name, f.key.DB, n)
		return
	}
	first := true
	r.object(typ, func(v Value) error {
		if f.h.Part == nil {
			return nil
		}
		err := f.h.Part(&f.key, v, first)
		first = false
		return err
	})
	var e *Error
	if errors.As(r.err, &e) {
		r.err = &Error{e.Offset, "key " + strconv.Quote(string(f.key.Name[:min(len(f.key.Name), 64)])) + ": " + e.Text}
	}
	f.clear()
}

// checksum compares the last eight bytes; zeros say that there is none.
func (f *file) checksum() {
	if f.ver < checkedSince {
		return
	}
	want := f.r.crc
	have := binary.LittleEndian.Uint64(f.r.fixed(8))
	if f.r.err == nil && have != 0 && have != want {
		f.r.fail("the checksum is wrong: the file is damaged")
	}
}

// AtEnd reports whether no bytes are left; an error of the stream is Err.
func (r *Reader) AtEnd() bool {
	if r.err != nil {
		return false
	}
	_, err := r.src.Peek(1)
	if err != nil && !errors.Is(err, io.EOF) {
		r.err = err
	}
	return errors.Is(err, io.EOF)
}
