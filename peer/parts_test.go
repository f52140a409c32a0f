package peer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"crdb/crdt"
	"crdb/proto/peerpb"
)

func vv(entries ...crdt.Timestamp) crdt.VersionVector {
	var v crdt.VersionVector
	for i, t := range entries {
		if t > 0 {
			v.Set(crdt.ReplicaID(i+1), t)
		}
	}
	return v
}

func TestHoldings(t *testing.T) {
	h := &holdings{self: 1}
	if got := h.common(vv(5, 6), 4); !got.Equal(vv(5, 6)) {
		t.Errorf("alone: %v", got)
	}
	h.setMembers([]crdt.ReplicaID{3, 1, 2})
	if got := h.common(vv(5, 6), 4); len(got) != 0 {
		t.Errorf("nothing acknowledged: %v", got)
	}
	if !h.raise(2, vv(4, 9), 0) || !h.raise(3, vv(5, 1, 7), 4) || h.raise(3, vv(5), 3) || h.raise(4, vv(9), 9) {
		t.Error("news")
	}
	if got := h.common(vv(5, 6, 7), 4); !got.Equal(vv(4, 1)) {
		t.Errorf("common: %v", got)
	}
	if n := h.count(crdt.Dot{Time: 5, Replica: 1}); n != 1 {
		t.Errorf("count: %d", n)
	}
	if rows := h.others(2); len(rows) != 1 || rows[0].member != 3 {
		t.Errorf("others: %v", rows)
	}
	if got := h.common(vv(5, 6, 7), 3); got != nil {
		t.Errorf("3 knows of more members: %v", got)
	}
	if rows := h.others(2); rows[0].config != 4 {
		t.Errorf("others: %v", rows)
	}
	h.setMembers([]crdt.ReplicaID{1, 2})
	if got := h.common(vv(5, 6, 7), 4); !got.Equal(vv(4, 6)) {
		t.Errorf("after 3 left: %v", got)
	}
	h.setMembers([]crdt.ReplicaID{2, 3})
	if got := h.of(3); len(got) != 0 {
		t.Errorf("3 is new again: %v", got)
	}
}

func TestBudget(t *testing.T) {
	b := &budget{maxBlocks: 2, maxBytes: 100}
	ctx, cancel := context.WithCancelCause(context.Background())
	for _, n := range []int{500, 1} { // one oversized block alone, then nothing
		if b.tryTake(n) != nil != (n == 1) {
			t.Fatalf("take %d", n)
		}
	}
	done := make(chan error)
	go func() { done <- b.take(ctx, 60) }()
	b.give(500)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if b.tryTake(41) == nil || b.tryTake(40) != nil || b.tryTake(0) == nil {
		t.Fatal("bytes, then blocks")
	}
	go func() { done <- b.take(ctx, 1) }()
	cancel(errCut)
	if err := <-done; !errors.Is(err, errCut) {
		t.Fatal(err)
	}
	if blocks, bytes := b.used(); blocks != 2 || bytes != 100 {
		t.Fatal(blocks, bytes)
	}
}

func TestBackoff(t *testing.T) {
	var last []time.Duration
	for peer := range uint64(3) {
		b := backoff{min: 100, max: 5000, seed: seedOf("db", 1, peer)}
		for i := range 40 {
			period := min(100<<min(i, 20), 5000)
			d := b.next()
			if d < time.Duration(period/2) || d > time.Duration(period) {
				t.Fatalf("attempt %d: %d of %d", i, d, period)
			}
			if i == 39 {
				last = append(last, d)
			}
		}
		b.reset()
		if d := b.next(); d > 100 {
			t.Fatalf("after reset: %v", d)
		}
	}
	if last[0] == last[1] || last[1] == last[2] {
		t.Errorf("links wait alike: %v", last)
	}
}

func TestOffset(t *testing.T) {
	var o offsetEstimate
	if _, _, ok := o.get(); ok {
		t.Fatal("an estimate of nothing")
	}
	o.add(1000, 1100, 6050, 0) // 50 ms each way, 5 s ahead
	o.add(2000, 2010, 7105, 4) // 3 ms each way: better
	o.add(3000, 3500, 8400, 0) // an uneven way
	o.add(4000, 3000, 9000, 0) // a clock was set: ignored
	offset, rtt, ok := o.get()
	if !ok || rtt != 6*time.Millisecond || offset != 5098*time.Millisecond {
		t.Fatalf("offset %v, round trip %v", offset, rtt)
	}
}

func TestPublishQueue(t *testing.T) {
	q := publishQueue{max: 3 * messageBytes}
	sent := 0
	for q.put(make([]byte, messageBytes/2+1)) {
		sent++
	}
	if sent != 5 {
		t.Fatalf("B1: %d taken in", sent)
	}
	for range sent {
		if got := q.take(nil); len(got) != 1 {
			t.Fatalf("%d in one message", len(got))
		}
	}
	if got := q.take(nil); len(got) != 0 || q.mu.bytes != 0 {
		t.Fatal("not empty")
	}
}

// B1: messages of nothing are not for nothing, neither here nor in a message of the stream,
// which may not be larger than maxMessage.
func TestPublishQueueOfEmptyMessages(t *testing.T) {
	q := publishQueue{max: 4 << 20}
	sent := 0
	for sent < 1<<20 && q.put(nil) {
		sent++
	}
	if sent == 1<<20 {
		t.Errorf("%d taken in", sent)
	}
	for sent > 0 {
		f := outFrame{publishes: q.take(nil)}
		if b := f.appendRest(nil, nil); len(b) > messageBytes || len(b) == 0 {
			t.Fatalf("%d bytes in one message", len(b))
		}
		sent -= len(f.publishes)
	}
	if q.mu.bytes != 0 {
		t.Errorf("%d bytes are left", q.mu.bytes)
	}
}

// TestQuietLogs: the same trouble is shown ever more rarely.
func TestQuietLogs(t *testing.T) {
	var out bytes.Buffer
	q := quietLog{to: slog.New(slog.NewTextHandler(&out, nil))}
	for range 100 {
		q.warn("down", 2, errSilent)
	}
	q.warn("down", 3, errSilent)
	if n := strings.Count(out.String(), "\n"); n != 8 {
		t.Fatalf("%d lines:\n%s", n, &out)
	}
	q.forget(2)
	q.warn("down", 2, errSilent)
	if !strings.HasSuffix(out.String(), "times=1\n") {
		t.Fatal(out.String())
	}
}

func TestNeedsPerson(t *testing.T) {
	for _, row := range []struct {
		err  error
		want bool
	}{
		{refuse(peerpb.Refusal_REWOUND, "x"), true},
		{refuse(peerpb.Refusal_BUSY, "x"), false},
		{fmt.Errorf("x: %w", errPiece), true},
		{errSilent, false},
		{context.Canceled, false},
		{fromStatus(toStatus(refuse(peerpb.Refusal_FORKED, "x"))), true},
		{fromStatus(toStatus(errors.New("x"))), false},
	} {
		if got := needsPerson(row.err); got != row.want {
			t.Errorf("%v: %v", row.err, got)
		}
	}
}
