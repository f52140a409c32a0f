package refusal

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"crdb/rdb"
	"crdb/testbed/oracle"
)

// dumped are the commands that make one value of every type and encoding under
// the key d.
func dumped() [][][]string {
	long := strings.Repeat("long ", 14)
	many := func(args ...string) []string { // so many that Redis leaves the compact form
		for i := range 12 {
			args = append(args, fmt.Sprint(i), fmt.Sprintf("v%d", i))
		}
		return args
	}
	return [][][]string{
		{{"SET", "d", "v"}}, {{"SET", "d", "-12345"}}, {{"SET", "d", long}},
		{{"SADD", "d", "1", "2", "70000"}}, {{"SADD", "d", "a", "b"}},
		{{"RPUSH", "d", "a", "-5", "b"}}, {many("RPUSH", "d", long)},
		{{"HSET", "d", "a", "1", "b", "xyz"}}, {many("HSET", "d", "f", long)},
		{{"ZADD", "d", "1", "a", "-2.5", "b"}}, {many("ZADD", "d", "1", long)[:4], {"ZADD", "d", "inf", "x"}},
		{{"XADD", "d", "1-1", "a", "1", "b", "2"}, {"XADD", "d", "1-2", "a", "3"}, {"XADD", "d", "5-0", "c", "4"}, {"XDEL", "d", "1-2"},
			{"XGROUP", "CREATE", "d", "g", "0"}, {"XREADGROUP", "GROUP", "g", "u", "STREAMS", "d", ">"}, {"XACK", "d", "g", "5-0"}},
		{{"PFADD", "d", "a", "b", "c"}},
	}
}

// spoilt are a payload cut off everywhere, with every byte changed in several
// ways, and with absurd lengths in the place of every byte; all with a correct
// checksum.
func spoilt(payload string) (all []string) {
	const footer = 10
	body := payload[:len(payload)-footer]
	add := func(parts ...string) {
		all = append(all, string(rdb.AppendFooter([]byte(strings.Join(parts, "")))))
	}
	for i := range len(body) {
		add(body[:i])
		for _, flip := range []byte{1, 0x40, 0x80, 0xff} {
			add(body[:i], string([]byte{body[i] ^ flip}), body[i+1:])
		}
		for _, length := range []string{"\x80\xff\xff\xff\xff", "\x81\x7f\xff\xff\xff\xff\xff\xff\xff", "\x81\xff\xff\xff\xff\xff\xff\xff\xff", "\x80\x20\x00\x00\x00"} {
			add(body[:i], length, body[i+1:])
		}
	}
	for i := range byte(32) {
		add(string([]byte{i}), body[1:])
	}
	return append(all, payload[:len(payload)-1], payload[:footer], payload[:3], "", payload+"x")
}

// readers ask for all of a value; one of them fits its type.
var readers = [][]string{
	{"TYPE", "d"}, {"GET", "d"}, {"SMEMBERS", "d"}, {"LRANGE", "d", "0", "-1"}, {"HGETALL", "d"}, {"ZRANGE", "d", "0", "-1", "WITHSCORES"},
	{"ZREVRANGEBYSCORE", "d", "+inf", "-inf"}, {"XRANGE", "d", "-", "+"}, {"XINFO", "STREAM", "d", "FULL"}, {"XLEN", "d"}, {"PFCOUNT", "d"},
	{"OBJECT", "ENCODING", "d"}, {"DUMP", "d"}, {"COPY", "d", "e", "REPLACE"}, {"DEL", "d", "e"},
}

// dumps gives spoilt payloads to RESTORE. Most are refused. What is taken is
// of sense: if Redis takes it as well, it shows the same there. (Redis is more
// particular about the inner order of its own encodings.) Redis does not see the
// others: it takes some for which it has to read the checksum as a part of the
// value, and is busy for minutes with some of the lengths.
func dumps(t *testing.T, b *servers) {
	taken, all := 0, 0
	for _, commands := range dumped() {
		for _, args := range append([][]string{{"DEL", "d"}}, commands...) {
			if r, _ := b.both(t, args...); r.IsError() {
				t.Fatalf("%q: %s", args, r)
			}
		}
		redis, crdb := b.both(t, "DUMP", "d")
		b.both(t, "DEL", "d")
		tries := append(spoilt(redis.Body), spoilt(crdb.Body)...)
		slices.Sort(tries)
		for chunk := range slices.Chunk(slices.Compact(tries), 200) {
			all, taken = all+len(chunk), taken+b.restore(t, chunk)
		}
	}
	if taken < 500 || all-taken < 500 {
		t.Errorf("%d of %d payloads were taken", taken, all)
	}
	t.Logf("%d of %d payloads were taken", taken, all)
}

// restore tries payloads and returns how many crdb has taken.
func (b *servers) restore(t *testing.T, payloads []string) (taken int) {
	t.Helper()
	var commands [][]string
	for _, p := range payloads {
		commands = append(append(commands, []string{"RESTORE", "d", "0", p}), readers...)
	}
	crdb, err := b.crdb.Pipeline(commands)
	if err != nil {
		t.Fatalf("crdb: %v", err)
	}
	for len(commands) > 0 {
		n := 1 + len(readers)
		switch reply := crdb[0]; reply.Head {
		case "+OK":
			taken++
			b.sameThere(t, commands[:n], crdb[:n])
		case "-ERR Bad data format", "-ERR DUMP payload version or checksum are wrong":
		default:
			t.Errorf("%q: %s", commands[0][3], reply)
		}
		commands, crdb = commands[n:], crdb[n:]
	}
	return taken
}

// sameThere sends to Redis what crdb has answered.
func (b *servers) sameThere(t *testing.T, commands [][]string, crdb []oracle.Reply) {
	t.Helper()
	redis, err := b.redis.Pipeline(commands)
	if err != nil {
		t.Fatalf("redis: %q: %v", commands[0], err)
	}
	if redis[0].Head == "-ERR Bad data format" {
		return
	}
	for i, args := range commands {
		if args[0] == "XINFO" {
			continue // Redis repeats what the payload says of a stream, right or wrong
		}
		if !oracle.SameReply(args, redis[i], crdb[i]) {
			t.Errorf("%q, %q:\n redis: %.300s\n crdb:  %.300s", commands[0][3], args, redis[i], crdb[i])
		}
	}
}
