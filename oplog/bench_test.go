package oplog

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// benchOptions put the log on a real disk: OPLOG_BENCH_DIR, or a temporary
// directory.
func benchOptions(b *testing.B) Options {
	o := testOptions(nil, 1)
	o.MemTableBytes = 0
	o.After = time.After
	start := time.Now()
	o.Wall = func() int64 { return time.Now().UnixMilli() }
	o.Mono = func() int64 { return int64(time.Since(start)) }
	o.MaxPending = 1 << 40
	o.Dir = b.TempDir()
	if d := os.Getenv("OPLOG_BENCH_DIR"); d != "" {
		o.Dir, _ = os.MkdirTemp(d, "oplog")
		b.Cleanup(func() { os.RemoveAll(o.Dir) })
	}
	return o
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkAppend measures Append alone, in blocks of about a thousand ops.
func BenchmarkAppend(b *testing.B) {
	for _, wall := range []string{"now", "given"} {
		b.Run("wall="+wall, func(b *testing.B) {
			o := testOptions(vfs.NewMem(), 1)
			o.Wall = func() int64 { return time.Now().UnixMilli() }
			l := mustOpen(b, o)
			defer l.Close()
			op := make([]byte, 100)
			ms := o.Wall()
			b.ReportAllocs()
			for b.Loop() {
				if wall == "given" {
					l.AppendAt(ms, op, nil)
				} else {
					l.Append(op)
				}
				if l.mu.cur.ops == 1000 { // throw it away: the writer is not measured
					l.mu.cur.ops, l.mu.cur.buf, l.mu.pending = 0, l.mu.cur.buf[:0], 0
				}
			}
			l.mu.cur.ops = 0
		})
	}
}

func BenchmarkAdmit(b *testing.B) {
	l := open(b, testOptions(vfs.NewMem(), 1))
	for b.Loop() {
		if l.Admit(l.opts.Wall()) != nil {
			b.Fatal()
		}
	}
}

// BenchmarkCommit measures one cycle of the writer on the disk: CPU of the
// whole process and time.
func BenchmarkCommit(b *testing.B) {
	for _, ops := range []int{1, 10, 100, 1000} {
		b.Run(fmt.Sprintf("ops=%d", ops), func(b *testing.B) {
			l := mustOpen(b, benchOptions(b))
			defer l.Close()
			op := make([]byte, 100)
			cpu := cpuTime()
			n := 0
			for b.Loop() {
				for range ops {
					l.Append(op)
				}
				l.Sync(context.Background())
				n++
			}
			s := l.Stats()
			b.ReportMetric(float64((cpuTime()-cpu).Microseconds())/float64(s.Commits), "cpu-us/commit")
			b.ReportMetric(float64(s.CommitTime.Microseconds())/float64(s.Commits), "us/commit")
		})
	}
}

// BenchmarkPaced measures the CPU of a steady load nobody waits for.
func BenchmarkPaced(b *testing.B) {
	l := mustOpen(b, benchOptions(b))
	defer l.Close()
	op := make([]byte, 100)
	cpu, n := cpuTime(), 0
	for b.Loop() {
		for range 50 { // 50,000 ops a second
			l.Append(op)
		}
		n += 50
		time.Sleep(time.Millisecond)
	}
	l.Sync(context.Background())
	s := l.Stats()
	b.ReportMetric(float64((cpuTime()-cpu).Nanoseconds())/float64(n), "cpu-ns/op")
	b.ReportMetric(float64(s.Ops)/float64(s.Commits), "ops/commit")
}
