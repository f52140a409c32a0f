package rdb

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// sample is a file with all that a file can hold.
func sample(t testing.TB) []byte {
	var b bytes.Buffer
	w := NewWriter(&b)
	w.BeginFile("redis-ver", "7.0.0", "redis-bits", "64")
	w.Function([]byte("#!lua name=f\n"))
	w.Select(0)
	w.Resize(2, 1)
	w.Key([]byte("s"), 1_900_000_000_123)
	w.Object(String, 0)
	w.Item([]byte("value"))
	w.Key([]byte("l"), 0)
	w.Object(List, 2)
	w.Item([]byte("a"))
	w.Item([]byte("b"))
	w.Select(15)
	w.Key([]byte("z"), 0)
	w.Object(ZSet, 1)
	w.Scored([]byte("m"), -1.5)
	if err := w.EndFile(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// read lists what a file holds.
func read(b []byte) (string, error) {
	var out strings.Builder
	err := NewReader(bytes.NewReader(b)).ReadFile(&Handler{
		Part: func(k *Key, v Value, first bool) error {
			fmt.Fprintf(&out, "%d %s %d %d %v: %s\n", k.DB, k.Name, k.Deadline, k.Idle, first, show(v))
			return nil
		},
		Size:     func(db int, keys, dated uint64) error { fmt.Fprintln(&out, "size", db, keys, dated); return nil },
		Function: func(code []byte) error { fmt.Fprintf(&out, "function %q\n", code); return nil },
		Aux:      func(name, value []byte) error { fmt.Fprintf(&out, "%s=%s\n", name, value); return nil },
	})
	return out.String(), err
}

func TestFile(t *testing.T) {
	got, err := read(sample(t))
	want := "redis-ver=7.0.0\nredis-bits=64\nfunction \"#!lua name=f\\n\"\nsize 0 2 1\n" +
		"0 s 1900000000123 -1 true: string [value]\n0 l 0 -1 true: list [a b]\n15 z 0 -1 true: zset [m] [-1.5]\n"
	if err != nil || got != want {
		t.Errorf("%v\n%s", err, got)
	}
}

// TestEveryDamageToAFileIsAnError (R1): every truncation, and every bit flip.
func TestEveryDamageToAFileIsAnError(t *testing.T) {
	b := sample(t)
	for n := range len(b) {
		if _, err := read(b[:n]); err == nil {
			t.Errorf("the first %d of %d bytes are taken", n, len(b))
		}
	}
	for i := range b {
		for bit := range 8 {
			c := bytes.Clone(b)
			c[i] ^= 1 << bit
			var e *Error
			if _, err := read(c); !errors.As(err, &e) {
				t.Errorf("byte %d, bit %d: %v", i, bit, err)
			}
		}
	}
}

func TestWhatFilesAreRefused(t *testing.T) {
	for _, c := range []struct{ file, want string }{
		{"", "at byte 0: not a dump file of Redis: it is too short"},
		{"*1\r\n$4\r\nPING\r\n", `at byte 9: not a dump file of Redis: it begins with "*1\r\n$4\r\nP"`},
		{"REDIS0099", "at byte 9: version 99 of the format; versions 2 to 12 can be read"},
		{"REDIS0010\xf7\x81", "at byte 10: data of a module, which only that module can read"},
		{"REDIS0010\x07\x01k\x81", `at byte 12: key "k": a value of a module, which only that module can read`},
		{"REDIS0010\x1b\x01k", "at byte 10: unknown mark 27"},
		{"REDIS0010\x00\x01k\x05ab", `at byte 15: key "k": the data ends too soon`},
	} {
		if _, err := read([]byte(c.file)); err == nil || err.Error() != c.want {
			t.Errorf("%q: %v, want %s", c.file, err, c.want)
		}
	}
}

func TestOldFiles(t *testing.T) {
	got, err := read([]byte("REDIS0004\xfe\x01\xfd\x01\x00\x00\x00\x00\x01k\x01v\xfc\xff\xff\xff\xff\xff\xff\xff\xff\x00\x01l\x01v\xff"))
	if want := "1 k 1000 -1 true: string [v]\n1 l 1 -1 true: string [v]\n"; err != nil || got != want {
		t.Errorf("%v\n%s", err, got)
	}
	got, err = read([]byte("REDIS0009\xf8\x05\xf9\xff\x00\x01k\x01v\xff\x00\x00\x00\x00\x00\x00\x00\x00"))
	if want := "0 k 0 5 true: string [v]\n"; err != nil || got != want {
		t.Errorf("%v\n%s", err, got)
	}
}

// TestAReadersErrorIsTold: what cannot be read is not what is too short.
func TestAReadersErrorIsTold(t *testing.T) {
	broken := errors.New("is a directory")
	r := NewReader(iotest.ErrReader(broken))
	if err := r.ReadFile(&Handler{Databases: 16}); !errors.Is(err, broken) {
		t.Errorf("%v, want %v", err, broken)
	}
}

// TestHandlersErrorEndsReading: what a handler says is what the caller hears.
func TestHandlersErrorEndsReading(t *testing.T) {
	stop := errors.New("stop")
	calls := 0
	r := NewReader(bytes.NewReader(sample(t)))
	err := r.ReadFile(&Handler{Part: func(*Key, Value, bool) error { calls++; return stop }})
	if err != stop || calls != 1 {
		t.Error(err, calls)
	}
	r = NewReader(io.MultiReader(bytes.NewReader(sample(t)), strings.NewReader("more")))
	if err := r.ReadFile(&Handler{}); err != nil || r.AtEnd() {
		t.Error(err, r.AtEnd())
	}
}

// full is a destination without room.
type full struct{ room int }

func (f *full) Write(b []byte) (int, error) {
	if f.room -= len(b); f.room < 0 {
		return 0, io.ErrShortWrite
	}
	return len(b), nil
}

func TestWriterHoldsLittleAndStopsAtAnError(t *testing.T) {
	w := NewWriter(&full{1 << 20})
	w.Object(List, 1<<20)
	for i := range 1 << 20 {
		w.Item([]byte("0123456789"))
		if len(w.Bytes()) > 2*spillBytes && w.Err() == nil {
			t.Fatalf("%d bytes held at item %d", len(w.Bytes()), i)
		}
		if w.Err() != nil {
			break
		}
	}
	if w.EndFile() != io.ErrShortWrite {
		t.Error(w.Err())
	}
}

// FuzzReadFile (R1 to R3).
func FuzzReadFile(f *testing.F) {
	f.Add(sample(f))
	for _, c := range append(payloads, objects...) {
		object, _ := hex.DecodeString(c.hex)
		f.Add(fmt.Appendf(nil, "REDIS0010\xfe\x03\xfc\x01\x00\x00\x00\x00\x00\x00\x00%c\x01k%s", object[0], object[1:]))
	}
	f.Fuzz(func(t *testing.T, b []byte) { read(b) })
}

// TestEmptyKeysAreLeftOut: Redis before 6.2.6 could save keys without elements; it
// leaves them out when it loads such a file.
func TestEmptyKeysAreLeftOut(t *testing.T) {
	for _, c := range []struct{ name, object string }{
		{"list", "\x01\x01e\x00"},
		{"set", "\x02\x01e\x00"},
		{"zset", "\x05\x01e\x00"},
		{"hash", "\x04\x01e\x00"},
		{"hash ziplist", "\x0d\x01e\x0b\x0b\x00\x00\x00\x0a\x00\x00\x00\x00\x00\xff"},
		{"quicklist", "\x0e\x01e\x01\x0b\x0b\x00\x00\x00\x0a\x00\x00\x00\x00\x00\xff"},
	} {
		got, err := read([]byte("REDIS0009\xfe\x00\xfc\x01\x00\x00\x00\x00\x00\x00\x00" + c.object + "\x00\x01k\x01v\xff\x00\x00\x00\x00\x00\x00\x00\x00"))
		if want := "0 k 0 -1 true: string [v]\n"; err != nil || got != want {
			t.Errorf("%s: %v\n%s", c.name, err, got)
		}
	}
}
