package peer

import (
	"bytes"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"crdb/crdt"
	"crdb/oplog"
)

// idle applies nothing.
type idle struct{ c chan crdt.Timestamp }

func (a idle) Apply(b *oplog.Block) error {
	select {
	case a.c <- b.Last:
	default:
	}
	return nil
}

func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// benchCluster runs n replicas over TCP that apply nothing, with logs in a
// temporary directory.
func benchCluster(b *testing.B, n int, how Compression) []*clusterNode {
	c := newCluster(b, true)
	var nodes []*clusterNode
	for id := crdt.ReplicaID(1); id <= crdt.ReplicaID(n); id++ {
		n := &clusterNode{c: c, id: id, fs: vfs.Default, dir: b.TempDir()}
		n.tune = func(o *Options) {
			o.Apply = idle{make(chan crdt.Timestamp, 1)}
			o.Timing, o.Compression = Timing{}, how
		}
		n.logTune = func(o *oplog.Options) { o.Pace, o.MemTableBytes = oplog.DefaultPace, oplog.DefaultMemTableBytes }
		n.open()
		c.nodes[id] = n
		nodes = append(nodes, n)
	}
	c.join()
	c.connected()
	return nodes
}

// BenchmarkPaced writes a block of 100 SETs of 64 bytes every 2 ms at the first
// of n replicas, as a busy client does, and tells the CPU time of all of them
// together per block. With one replica that is the log alone. The values are
// random, so they hardly compress.
func BenchmarkPaced(b *testing.B) {
	for _, row := range []struct {
		n int
		c Compression
	}{{1, CompressNever}, {2, CompressNever}, {3, CompressNever}, {3, CompressAlways}} {
		n := row.n
		b.Run(fmt.Sprintf("replicas=%d,compress=%d", n, row.c), func(b *testing.B) {
			nodes := benchCluster(b, n, row.c)
			ops := benchOps()
			tick := time.NewTicker(2 * time.Millisecond)
			defer tick.Stop()
			before := cpu()
			b.ResetTimer()
			for range b.N {
				<-tick.C
				for _, op := range ops {
					nodes[0].log.Append(op)
				}
			}
			want := nodes[0].log.Issued()
			eventually(b, "all acknowledge", func() bool { return nodes[0].r.Acked(want.Time) == n-1 })
			b.StopTimer()
			b.ReportMetric(float64((cpu()-before).Microseconds())/float64(b.N), "cpu-us/block")
			if n > 1 {
				l := nodes[0].linkTo(2).Out
				b.ReportMetric(float64(l.WireBytes)/float64(l.RawBytes), "wire/raw")
			}
		})
	}
}

func benchOps() [][]byte {
	ops := make([][]byte, 100)
	for i := range ops {
		ops[i] = fmt.Appendf(nil, "key:%012d", mix(uint64(i))%100000)
		for len(ops[i]) < 84 {
			ops[i] = fmt.Appendf(ops[i], "%x", mix(uint64(i*100+len(ops[i]))))
		}
	}
	return ops
}

// BenchmarkLatency tells how long it takes from the op to its application at
// the other replica, one op at a time. The commit of the source is part of it.
func BenchmarkLatency(b *testing.B) {
	nodes := benchCluster(b, 2, CompressFar)
	seen := nodes[1].r.opts.Apply.(idle).c
	b.ResetTimer()
	for range b.N {
		d := nodes[0].log.Append([]byte("op"))
		for <-seen < d.Time {
		}
	}
}

func BenchmarkPack(b *testing.B) {
	log := openLog(b, vfs.NewMem(), "db", 1, func() int64 { return 1000 })
	for _, op := range benchOps() {
		log.Append(op)
	}
	syncLog(b, log)
	blocks, err := log.Read(1, 0, 1<<20)
	if err != nil {
		b.Fatal(err)
	}
	dec := newDecoder()
	defer dec.Close()
	b.Run("pack", func(b *testing.B) {
		b.ReportAllocs()
		p := newPacker(0)
		defer p.close()
		for range b.N {
			p.piece(blocks[0], 0, false)
			p.mu.kept, p.mu.order = map[packKey]*packed{}, nil
		}
	})
	p := newPacker(0)
	defer p.close()
	pc := p.piece(blocks[0], 0, false)
	b.Run("unpack", func(b *testing.B) {
		b.ReportAllocs()
		u := unpacker{dec: dec, maxBlock: 1 << 30, sizeOf: oplog.SizeOfBlock}
		for range b.N {
			data, err := u.add(pc)
			if err != nil || !bytes.Equal(data, blocks[0].Bytes()) {
				b.Fatal(err)
			}
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			if _, err := oplog.DecodeBlock(blocks[0].Bytes()); err != nil {
				b.Fatal(err)
			}
		}
	})
}
