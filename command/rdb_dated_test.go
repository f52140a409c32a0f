package command

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	"crdb/crdt"
	"crdb/engine"
	"crdb/rdb"
)

// TestFieldDeadlinesThroughAFile: a file that may keep them does, as absolute
// times, and one in the form of Redis 7.0 leaves them out.
func TestFieldDeadlinesThroughAFile(t *testing.T) {
	for _, keep := range []bool{true, false} {
		w := newWorld(t)
		w.ask("HSET plain a 1 b 2")
		w.ask("HSET h a 1 b 2 c 3 past x")
		w.ask("HPEXPIRE h 5000 FIELDS 1 a")
		w.ask("HPEXPIRE h 9000 FIELDS 1 c")
		w.ask("HPEXPIRE h 3 FIELDS 1 past")
		w.ask("PEXPIRE h 70000")
		w.ask("HSET brief a 1")
		w.ask("HPEXPIRE brief 3 FIELDS 1 a")
		w.ask("HSET soon a 1")
		w.ask("HPEXPIRE soon 15 FIELDS 1 a")
		w.wall.Add(10)
		snap, err := w.log.Snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer snap.Close()
		var file bytes.Buffer
		if _, err := Export(t.Context(), &file, ExportOptions{FieldDeadlines: keep,
			Keys: &engine.Frozen{Source: snap, Seed: 7, Now: w.wall.Load()}}); err != nil {
			t.Fatal(err)
		}
		other := newWorld(t)
		other.wall.Store(w.wall.Load() + 990)
		n, err := other.importFile(file.Bytes(), ImportEmpty)
		want, expired := "4000 -1 8000 -2; 3; 69000; -1 -1; 0", int64(1)
		if !keep {
			want, expired = "-1 -1 -1 -2; 3; 69000; -1 -1; 1", 0
		}
		var got []string
		for _, cmd := range []string{"HPTTL h FIELDS 4 a b c past", "HLEN h", "PTTL h", "HPTTL plain FIELDS 2 a b", "EXISTS soon"} {
			got = append(got, other.ask(cmd))
		}
		if s := strings.Join(got, "; "); err != nil || n.Expired != expired || s != want {
			t.Errorf("kept %v: %s, want %s; %+v, %v", keep, s, want, n, err)
		}
	}
}

// lateReader moves the clock when so many bytes have been read.
type lateReader struct {
	src   io.Reader
	after int
	move  func()
}

func (r *lateReader) Read(b []byte) (int, error) {
	if r.after <= 0 && r.move != nil {
		r.move()
		r.move = nil
	}
	n, err := r.src.Read(b[:min(len(b), 4096)])
	r.after -= n
	return n, err
}

// TestAHashThatFadesBetweenTwoParts: what comes after is written all the same,
// with the key's deadline, and a hash is counted once, or as expired.
func TestAHashThatFadesBetweenTwoParts(t *testing.T) {
	const fields = 3000
	for _, c := range []struct {
		name     string
		deadline func(i int) int64
		want     string
		n        ImportResult
	}{
		{"the first part is gone before it is read", func(i int) int64 { return map[bool]int64{true: now, false: 0}[i < 600] }, "2400; 60000", ImportResult{Keys: 1}},
		{"the first parts go while the rest is read", func(i int) int64 { return map[bool]int64{true: now + 5, false: now + 5000}[i < 2000] }, "1000; 59990", ImportResult{Keys: 1}},
		{"all is gone before it is read", func(int) int64 { return now }, "0; -2", ImportResult{Expired: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var b bytes.Buffer
			wr := rdb.NewWriter(&b)
			wr.Dated = true
			wr.BeginFile()
			wr.Key([]byte("h"), now+60000)
			wr.DatedHash(fields, now)
			for i := range fields {
				wr.DatedItem(fmt.Appendf(nil, "f%d", i), bytes.Repeat([]byte("x"), 100), c.deadline(i))
			}
			if err := wr.EndFile(); err != nil {
				t.Fatal(err)
			}
			w := newWorld(t)
			src := &lateReader{&b, fields * 80, func() {
				if strings.Contains(c.name, "while") {
					w.wall.Add(10)
				}
			}}
			n, err := w.srv.Import(context.Background(), src, ImportOptions{})
			if n.Bytes = 0; n != c.n || err != nil {
				t.Errorf("%+v, %v", n, err)
			}
			if got := w.ask("HLEN h") + "; " + w.ask("PTTL h"); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

// TestTheLastFieldDeadline comes through a file; the reader refuses later ones,
// as HPEXPIREAT does.
func TestTheLastFieldDeadline(t *testing.T) {
	for at, ok := range map[int64]bool{crdt.MaxFieldDeadline: true, crdt.MaxFieldDeadline + 1: false} {
		var b bytes.Buffer
		wr := rdb.NewWriter(&b)
		wr.Dated = true
		wr.BeginFile()
		wr.Key([]byte("h"), 0)
		wr.DatedHash(1, at)
		wr.DatedItem([]byte("f"), []byte("v"), at)
		if err := wr.EndFile(); err != nil {
			t.Fatal(err)
		}
		w := newWorld(t)
		_, err := w.importFile(b.Bytes(), ImportEmpty)
		if got := w.ask("HPEXPIRETIME h FIELDS 1 f"); (err == nil) != ok || ok != (got == fmt.Sprint(at)) {
			t.Errorf("%d: %v; %s", at, err, got)
		}
	}
}
