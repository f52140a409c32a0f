package peer

import (
	"encoding/binary"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"

	"crdb/crdt"
	"crdb/oplog"
	"crdb/proto/peerpb"
)

// Transfer is how a liar gives its state.
func (a *liar) Transfer(req *peerpb.TransferRequest, s grpc.ServerStreamingServer[peerpb.FromSource]) error {
	id := req.GetIdentity()
	begin := &peerpb.TransferBegin{Identity: &peerpb.Identity{
		Protocol: protocolVersion, BlockFormat: oplog.BlockVersion, Database: id.GetDatabase(),
		Replica: id.GetTo(), Region: regionOf(crdt.ReplicaID(id.GetTo())), To: id.GetReplica(),
	}}
	if err := s.Send(&peerpb.FromSource{Begin: begin}); err != nil {
		return err
	}
	for _, m := range a.images {
		if err := s.SendMsg(m); err != nil {
			return err
		}
		a.shown.Add(1)
		if err := sleep(s.Context(), a.pause); err != nil {
			return err
		}
	}
	<-s.Context().Done()
	return s.Context().Err()
}

// withVector puts another vector into an image.
func withVector(t testing.TB, image []byte, vv crdt.VersionVector) []byte {
	t.Helper()
	_, records, err := crdt.DecodeVector(nil, image[18:len(image)-4])
	if err != nil {
		t.Fatal(err)
	}
	return reseal(image, func(b []byte) []byte { return append(crdt.AppendVector(b[:18:18], vv), records...) })
}

// imageLie makes something else of an image that 1 sends to 2.
type imageLie func(t testing.TB, one, two *stateNode, image []byte) []byte

// behind puts bytes behind the records of an image.
func behind(more ...byte) imageLie {
	return func(_ testing.TB, _, _ *stateNode, image []byte) []byte {
		return reseal(image, func(b []byte) []byte { return append(b, more...) })
	}
}

var imageLies = []struct {
	name, want string
	lie        imageLie
}{
	{"corrupted", "checksum", func(_ testing.TB, _, _ *stateNode, b []byte) []byte {
		b = append([]byte(nil), b...)
		b[len(b)/2] ^= 1
		return b
	}},
	{"truncated", "it says", func(_ testing.TB, _, _ *stateNode, b []byte) []byte { return b[:len(b)-1] }},
	{"no image", "no image", func(_ testing.TB, _, _ *stateNode, b []byte) []byte { return []byte("no image") }},
	{"a block", "no image", func(t testing.TB, one, _ *stateNode, b []byte) []byte { return blockOf(t, 1, "x").Bytes() }},
	{"other version", "version", func(_ testing.TB, _, _ *stateNode, b []byte) []byte {
		return reseal(b, func(b []byte) []byte { b[2]++; return b })
	}},
	{"longer than it says", "of a block that says", func(_ testing.TB, _, _ *stateNode, b []byte) []byte { return append(b[:len(b):len(b)], 0) }},
	{"says a gigabyte and more", "it says it has", func(_ testing.TB, _, _ *stateNode, b []byte) []byte {
		b = append([]byte(nil), b...)
		binary.BigEndian.PutUint32(b[4:], 1<<30+1)
		return b
	}},
	{"out of order", "wanted was", func(t testing.TB, one, _ *stateNode, b []byte) []byte {
		im, _, _, err := one.eng.CaptureAt(300<<28, nil)
		if err != nil {
			t.Error(err)
		}
		return im
	}},
	{"of another range", "fragments", func(_ testing.TB, _, _ *stateNode, b []byte) []byte {
		return reseal(b, func(b []byte) []byte { b[9]++; return b })
	}},
	{"replayed from an old transfer", "the transfer began at", func(t testing.TB, one, _ *stateNode, b []byte) []byte {
		return withVector(t, b, crdt.VersionVector{{Replica: 1, Time: 1 << 20}})
	}},
	{"forged vector: without one", "it covers {}", func(t testing.TB, _, _ *stateNode, b []byte) []byte { return withVector(t, b, nil) }},
	{"forged vector: ops that the receiver never made", "does not hold", func(t testing.TB, one, two *stateNode, b []byte) []byte {
		vv := one.eng.Vector()
		vv.Set(2, crdt.Timestamp(time.Now().UnixMilli())<<16)
		return withVector(t, b, vv)
	}},
	{"forged vector: far ahead of the clock", "release-held", func(t testing.TB, one, two *stateNode, b []byte) []byte {
		vv := one.eng.Vector()
		vv.Set(9, crdt.Timestamp(time.Now().Add(time.Hour).UnixMilli())<<16)
		return withVector(t, b, vv)
	}},
	{"absurd count: a key of 2^60 bytes", "key", behind(0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f)},
	{"absurd count: a vector of 2^28 replicas", "vector", func(_ testing.TB, _, _ *stateNode, b []byte) []byte {
		return reseal(b, func(b []byte) []byte { return append(b[:18:18], 0xff, 0xff, 0xff, 0x7f) })
	}},
	{"element without its key", "image", behind(3, 1, 'x', 1, 'y')},
	{"a member that its vector does not cover", "has not seen", func(t testing.TB, one, two *stateNode, b []byte) []byte {
		ahead := crdt.Dot{Time: one.eng.Vector().Get(1) + 1, Replica: 1}
		member := append([]byte{byte(crdt.TypeSet), 1, 'm', crdt.DotSize}, crdt.AppendDot(nil, ahead)...)
		return behind(append([]byte{0, 0, 1, 'k', 3, 0, 0, 0}, member...)...)(t, one, two, b)
	}},
	{"database that is none", "key", behind(0, 200, 1, 'k', 2, 1, 0)},
}

// TestHostileImages attacks P1, B1 and D2 during a state transfer: every kind of
// image that no honest source makes stops it with an alarm that says what and
// from whom, and nothing of the image is merged. When the source tells the truth,
// the transfer goes on and all agree.
func TestHostileImages(t *testing.T) {
	for _, row := range imageLies {
		t.Run(row.name, func(t *testing.T) {
			var log journal
			c, one, two := apart(t)
			two.tune = func(o *Options) {
				two.options(o)
				o.Logger, o.Timing.Handshake = slog.New(slog.NewTextHandler(&log, nil)), time.Second
			}
			var lying atomic.Bool
			lying.Store(true)
			one.tap = func(at uint64, image []byte) []byte {
				if !lying.Load() || at < 100<<28 {
					return image
				}
				return row.lie(t, one, two, image)
			}
			two.start()
			eventually(t, "the alarm", func() bool {
				l := two.linkTo(1)
				return l.In.Alarm && l.Transfer != nil && l.Transfer.Alarm && strings.Contains(l.Transfer.Error, row.want)
			})
			eventually(t, "the log tells what and from whom", func() bool { return log.tells("level=ERROR", "peer=1", row.want) })
			if p := two.r.Transfer().Percent; p > 10 {
				t.Errorf("%v %% were merged", p)
			}
			lying.Store(false)
			c.agree()
		})
	}
}

// TestBombsForImages: what expands to gigabytes ends with its first piece.
func TestBombsForImages(t *testing.T) {
	head := append([]byte{'c', 'R', 1, 0, 0, 1, 0, 0}, make([]byte, 64<<10)...)
	for _, row := range []struct {
		name, want string
		p          piece
	}{
		{"claims gigabytes", "piece", piece{data: zeros(64<<10, 8<<30), rawSize: maxPiece}},
		{"claims nothing", "piece", piece{data: zeros(64<<10, 0), rawSize: maxPiece}},
		{"no image", "no image", piece{data: zeros(8, 1<<20), rawSize: maxPiece, more: true}},
		{"more than it says", "of a block that says", piece{data: head, more: true}},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := newStates(t)
			one := c.add(1)
			one.write(0, 60)
			syncLog(t, one.log)
			c.replace(one.clusterNode, &liar{images: repeatedly(8192, &outFrame{pieces: []piece{row.p}})})
			s := siege{states: c, before: heap()}
			two := c.add(2, func(n *stateNode) { n.join = true })
			two.r.SetMembers(c.members())
			s.until("the alarm", func() bool { x := two.r.Transfer(); return x.Alarm && strings.Contains(x.Error, row.want) })
			if grown := s.peak - s.before; grown > hostileHeap && !underRace {
				t.Errorf("B1: memory grew by %d MiB", grown>>20)
			}
			one.back()
			one.r.SetMembers(c.members())
			c.agree()
			if one.eng.Digest() != two.eng.Digest() {
				t.Error("the states differ")
			}
		})
	}
}
