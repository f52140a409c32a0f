package crdt

import (
	"strconv"
	"strings"
	"testing"
)

// rules has one row per behaviour: what replicas 1 to 3 write ("sync" delivers
// everything to everybody), and what they all show in the end. Clocks stand
// still, so that timestamps tie unless one has seen the other; "later" moves
// them on.
var rules = []struct{ name, script, want string }{
	{"absent", "sync", "type=0 set= hash= at=0"},

	{"SET and SET: newest", "1 put a; later; 2 put b", "type=1 str=b set= hash= at=0"},
	{"SET and SET at once: lower replica", "2 put b; 1 put a", "type=1 str=a set= hash= at=0"},
	{"SET that has seen both wins", "1 put a; 2 put b; sync; 2 put c", "type=1 str=c set= hash= at=0"},
	{"DEL takes what it saw", "1 put a; sync; 1 del", "type=0 set= hash= at=0"},
	{"DEL and SET: SET stays", "1 put a; sync; 1 put b; later; 2 del", "type=1 str=b set= hash= at=0"},
	{"DEL of the newest shows the loser", "1 put a; later; 2 put b; 2 del", "type=1 str=a set= hash= at=0"},
	{"empty value", "1 put ", "type=1 str= set= hash= at=0"},

	{"INCR and INCR add", "1 incr 7; 2 incr 3", "type=1 str=10 set= hash= at=0"},
	{"INCR over SET adds", "1 put 5; sync; 1 incr 1; 2 incr 2", "type=1 str=8 set= hash= at=0"},
	{"SET leaves unseen INCR", "1 incr 1; sync; 1 put 1000; 2 incr 5", "type=1 str=1005 set= hash= at=0"},
	{"DEL leaves unseen INCR", "1 incr 10; sync; 1 del; 2 incr 5", "type=1 str=5 set= hash= at=0"},
	{"DEL leaves unseen INCR of a counted share", "1 incr 10; sync; 2 del; 1 incr 5", "type=1 str=5 set= hash= at=0"},
	{"INCR by 0 makes the key", "1 incr 0", "type=1 str=0 set= hash= at=0"},
	{"INCR after DEL starts at zero", "1 incr 10; sync; 2 del; sync; 1 incr 4", "type=1 str=4 set= hash= at=0"},
	{"INCRBYFLOAT adds exactly", "1 incrf 0.1; 2 incrf 0.2", "type=1 str=0.3 set= hash= at=0"},
	{"INCR and INCRBYFLOAT add", "1 incr 2; 2 incrf 0.5", "type=1 str=2.5 set= hash= at=0"},
	{"INCR under a text SET hides", "1 put x; 2 incr 5", "type=1 str=x set= hash= at=0"},
	{"sums stop at the upper limit", "1 incr 9223372036854775807; 2 incr 1", "type=1 str=9223372036854775807 set= hash= at=0"},
	{"sums stop at the lower limit", "1 incr -9223372036854775808; 2 incr -1", "type=1 str=-9223372036854775808 set= hash= at=0"},
	{"and come back from it", "1 incr 9223372036854775807; 2 incr 5; sync; 3 incr -10", "type=1 str=9223372036854775802 set= hash= at=0"},
	{"float sums have no limit", "1 incrf 9223372036854775807; 2 incr 1", "type=1 str=9223372036854775808 set= hash= at=0"},

	{"SADD and SADD", "1 sadd a; 2 sadd b", "type=2 set=a,b, hash= at=0"},
	{"SREM takes what it saw", "1 sadd a b; sync; 2 srem a; 1 sadd c", "type=2 set=b,c, hash= at=0"},
	{"SADD again keeps against SREM", "1 sadd a; sync; 1 sadd a; 2 srem a", "type=2 set=a, hash= at=0"},
	{"SREM of both adds", "1 sadd a; 2 sadd a; sync; 3 srem a", "type=0 set= hash= at=0"},
	{"DEL leaves unseen members", "1 sadd a; sync; 1 sadd b; 2 del", "type=2 set=b, hash= at=0"},
	{"a repeated name is one", "1 sadd a b; 1 srem a a", "type=2 set=b, hash= at=0"},

	{"HSET of two fields", "1 hset f 1; 2 hset g 2", "type=3 set= hash=f:1,g:2, at=0"},
	{"HSET and HSET: newest", "1 hset f a; later; 2 hset f b", "type=3 set= hash=f:b, at=0"},
	{"HDEL and HSET: HSET stays", "1 hset f 1; sync; 1 hdel f; 2 hset f 2", "type=3 set= hash=f:2, at=0"},
	{"HINCRBY adds", "1 hincr f 5; 2 hincr f 7", "type=3 set= hash=f:12, at=0"},
	{"HDEL leaves unseen HINCRBY", "1 hincr f 5; sync; 1 hincr f 1; 2 hdel f", "type=3 set= hash=f:1, at=0"},
	{"HSET leaves unseen HINCRBY", "1 hincr f 5; sync; 1 hincr f 1; 2 hset f 100", "type=3 set= hash=f:101, at=0"},
	{"DEL leaves unseen HINCRBY", "1 hincr f 5; sync; 1 hincr f 1; 2 del", "type=3 set= hash=f:1, at=0"},

	{"ZADD and ZADD: newest", "1 zadd x 1.5; later; 2 zadd x 2.5", "type=5 set= hash= zset=x:2.5, at=0"},
	{"ZINCRBY and ZINCRBY add", "1 zadd x 1.5; sync; 1 zincr x 1; 2 zincr x 2", "type=5 set= hash= zset=x:4.5, at=0"},
	{"ZREM leaves unseen ZINCRBY", "1 zadd x 4.1; sync; 1 zrem x; 2 zincr x 2", "type=5 set= hash= zset=x:2, at=0"},
	{"ZADD leaves unseen ZINCRBY", "1 zadd x 4; sync; 1 zadd x 10; 2 zincr x 2", "type=5 set= hash= zset=x:12, at=0"},
	{"DEL leaves unseen ZADD", "1 zadd x 1; sync; 1 del; 2 zadd y 2", "type=5 set= hash= zset=y:2, at=0"},

	{"the longest deadline", "1 put x 1000; sync; 1 expire 5000; later; 2 expire 3000", "type=1 str=x set= hash= at=5000"},
	{"PERSIST is infinite", "1 put x 1000; sync; 1 expire 0; later; 2 expire 3000", "type=1 str=x set= hash= at=0"},
	{"EXPIRE that has seen PERSIST counts", "1 put x 1000; sync; 1 expire 0; sync; 2 expire 3000", "type=1 str=x set= hash= at=3000"},
	{"SET clears the deadline it saw", "1 put x 1000; sync; 2 put y", "type=1 str=y set= hash= at=0"},
	{"SET clearing the deadline is infinite", "1 put x 1000; sync; 1 put y; 2 expire 9000", "type=1 str=y set= hash= at=0"},
	{"KEEPTTL leaves it", "1 put x 1000; sync; 2 keep y", "type=1 str=y set= hash= at=1000"},
	{"KEEPTTL on an absent key", "1 keep y", "type=1 str=y set= hash= at=0"},
	{"INCR leaves the deadline", "1 put 5 1000; sync; 2 incr 1", "type=1 str=6 set= hash= at=1000"},
	{"a new key has no deadline", "1 put x 1000; sync; 1 del; sync; 2 sadd a", "type=2 set=a, hash= at=0"},
	{"EXPIRE and DEL: gone", "1 put x; sync; 1 del; 2 expire 5000; sync; 3 sadd a", "type=2 set=a, hash= at=0"},
	{"an emptied set loses its deadline", "1 sadd a; 1 expire 9000; sync; 2 srem a; sync; 1 sadd b", "type=2 set=b, hash= at=0"},

	{"two types: the newest shows", "1 put x; later; 2 sadd a", "type=2 str=x set=a, hash= at=0"},
	{"removing it shows the other", "1 put x; later; 2 sadd a; 2 del", "type=1 str=x set= hash= at=0"},
	{"a write that has seen both leaves one", "1 put x; later; 2 sadd a; sync; 1 sadd b", "type=2 set=a,b, hash= at=0"},
	{"it leaves what it had not seen", "1 incr 5; later; 2 sadd a; sync; 1 sadd b; later; 3 sadd c; 2 del", "type=2 set=b,c, hash= at=0"},
	{"SET replaces every type", "1 sadd a; 2 hset f 1; sync; 3 put x", "type=1 str=x set= hash= at=0"},
	{"hidden counters go by what was seen", "1 hincr f 5; later; later; 2 sadd a; 3 sadd z; deliver 1 2; 1 hincr f 1; 2 sadd b", "type=2 set=a,b,z, hash=f:1, at=0"},

	{"FLUSH takes what it saw", "1 put x; sync; 2 flush", "type=0 set= hash= at=0"},
	{"FLUSH leaves unseen SET", "1 put x; sync; 2 flush; 1 put y", "type=1 str=y set= hash= at=0"},
	{"FLUSH leaves unseen INCR", "1 incr 5; sync; 2 flush; 1 incr 2", "type=1 str=2 set= hash= at=0"},
}

func TestRules(t *testing.T) {
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			s := newSim(3, 1)
			wall := Timestamp(100)
			for _, step := range strings.Split(r.script, "; ") {
				if err := play(s, &wall, step); err != nil {
					t.Fatalf("%s: %v", step, err)
				}
			}
			if err := s.heal(); err != nil {
				t.Fatal(err)
			}
			for _, n := range s.nodes {
				if got := dump(n.object(0)); got != r.want {
					t.Errorf("replica %d shows %s\nwant %s", n.id, got, r.want)
				}
			}
		})
	}
}

// play does one step of a script.
func play(s *sim, wall *Timestamp, step string) error {
	w := strings.Split(step, " ")
	switch w[0] {
	case "sync":
		*wall += 100
		return s.heal()
	case "later":
		*wall += 100
		return nil
	case "deliver": // from, to
		from, to := s.nodes[w[1][0]-'1'], s.nodes[w[2][0]-'1']
		_, err := s.deliver(to, from, to.next(from))
		return err
	}
	a := action{verb: verb(strings.TrimSuffix(w[1], "f"))}
	arg := w[2:]
	switch w[1] {
	case "keep":
		a.verb, a.keep, a.text = vPut, true, arg[0]
	case "put":
		if a.text = arg[0]; len(arg) > 1 {
			a.at, _ = strconv.ParseInt(arg[1], 10, 64)
		}
	case "incr", "incrf":
		a.text, a.float = arg[0], w[1] == "incrf"
	case "expire":
		a.at, _ = strconv.ParseInt(arg[0], 10, 64)
	case "zadd", "zincr":
		a.names, a.text = arg[:1], arg[1]
	case "lcut", "lroom":
		a.index, _ = strconv.Atoi(arg[0])
	case "linsert":
		if a.names, a.index = arg[:1], 1; len(arg) > 1 {
			a.index, _ = strconv.Atoi(arg[1])
		}
	case "sadd", "srem", "hdel", "zrem", "lpush", "rpush", "lset", "lrem":
		a.names = arg
	case "hset", "hincr":
		a.names, a.text = arg[:1], arg[1]
	case "flush":
		a.verb = vFlush
	}
	_, err := s.write(s.nodes[w[0][0]-'1'], a, *wall)
	return err
}

// The short ways of the engine write the very records that the long way does.
func TestShareRecordsInPlace(t *testing.T) {
	for _, delta := range []int64{0, 1, -5, 1<<63 - 1, -1 << 63} {
		w, o := &writer{id: 3, time: 41}, &Object{}
		b, d := w.incr(o, delta)
		var op Op
		if err := DecodeOp(&op, b); err != nil {
			t.Fatal(err)
		}
		total, by, create, ok := op.PlainIncr()
		if !ok || !create || total != delta || by != delta {
			t.Errorf("%d: %d %d %v %v", delta, total, by, create, ok)
		}
		got := make([]byte, ShareRecordSize)
		SetNewShareRecord(got, d, total)
		want, _ := AppendRecord(nil, o)
		if string(got) != string(want) {
			t.Errorf("%d:\n%x\n%x", delta, got, want)
		}
		if delta != 1 {
			continue
		}
		b, d = w.incr(o, 7)
		if err := DecodeOp(&op, b); err != nil {
			t.Fatal(err)
		}
		if total, _, create, ok = op.PlainIncr(); !ok || create || total != 8 {
			t.Errorf("%d %v %v", total, create, ok)
		}
		SetRecordShare(got, d.Time, total)
		if want, _ = AppendRecord(nil, o); string(got) != string(want) {
			t.Errorf("\n%x\n%x", got, want)
		}
	}
	var op Op
	w := &writer{id: 3}
	b, _ := w.del(&Object{})
	if err := DecodeOp(&op, b); err != nil {
		t.Fatal(err)
	}
	if _, _, _, ok := op.PlainIncr(); ok {
		t.Error("a delete is no increment")
	}
}
