package command

import (
	"strings"
	"testing"
)

// field returns a number of INFO.
func (c *conn) field(section, name string) string {
	for line := range strings.Lines(c.do("INFO", section)) {
		if text, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(text)
		}
	}
	return ""
}

// Hits and misses are keys that commands read, each once, as in Redis 7.0.
func TestKeyspaceHits(t *testing.T) {
	a := newWorld(t).dial("a")
	for _, line := range []string{
		"SET s v", "RPUSH l 3 1 2", "SADD x a b", "SADD y b c", "HSET h f v g w", "ZADD z 1 a 2 b", "GEOADD geo 1 1 m 2 2 n",
		"SET w1 9", "SET w3 7", "XADD st 1-1 f v", "PFADD p a",
	} {
		a.do(strings.Fields(line)...)
	}
	for _, x := range []struct{ line, want string }{
		{"GET s", "1 0"}, {"GET no", "0 1"}, {"MGET s no s", "2 1"}, {"EXISTS s no s", "2 1"}, {"TYPE s", "1 0"}, {"TYPE no", "0 1"},
		{"TTL s", "1 0"}, {"PTTL no", "0 1"}, {"OBJECT ENCODING s", "1 0"}, {"OBJECT FREQ no", "0 1"}, {"DUMP s", "1 0"}, {"DUMP no", "0 1"},
		{"LRANGE l 0 -1", "1 0"}, {"LPOP l", "0 0"}, {"LPUSHX no a", "0 0"}, {"BLPOP no l 1", "0 0"}, {"SMEMBERS x", "1 0"}, {"SMISMEMBER x a b", "1 0"},
		{"SINTER x y", "2 0"}, {"SINTER no x y", "2 1"}, {"SUNION x x", "2 0"}, {"SDIFFSTORE d x no", "1 1"}, {"SMOVE x y a", "0 0"}, {"SPOP x 1", "0 0"},
		{"HGETALL h", "1 0"}, {"HMGET no f g", "0 1"}, {"HSETNX h f v", "0 0"}, {"ZRANGEBYSCORE z 0 5", "1 0"}, {"ZUNIONSTORE d 2 z no", "1 1"},
		{"ZADD z 1 a", "0 0"}, {"GEOSEARCH geo FROMMEMBER m BYRADIUS 1000 km", "1 0"}, {"XRANGE st - +", "1 0"}, {"XDEL st 1-1", "0 0"},
		{"XREAD STREAMS st no 0 0", "1 1"}, {"SORT l BY w*", "1 1"}, {"SORT no", "0 1"}, {"COPY s s2", "1 0"}, {"RENAMENX s s2", "0 0"}, {"APPEND s a", "0 0"},
		{"BITFIELD s GET u4 0", "1 0"}, {"BITFIELD s SET u4 0 1", "0 0"}, {"PFCOUNT p no", "1 1"}, {"WATCH s no", "0 0"}, {"SCAN 0", "0 0"},
	} {
		a.do("CONFIG", "RESETSTAT")
		a.do(strings.Fields(x.line)...)
		if got := a.field("stats", "keyspace_hits") + " " + a.field("stats", "keyspace_misses"); got != x.want {
			t.Errorf("%s has %s hits and misses, not %s", x.line, got, x.want)
		}
	}
	a.do("UNWATCH")
	a.do("MGET", "s", "no")
	a.do("MULTI")
	a.do("CONFIG", "RESETSTAT")
	expect(t, a.do("EXEC"), "*1\r\n+OK\r\n")
	expect(t, a.field("stats", "keyspace_hits")+" "+a.field("stats", "keyspace_misses"), "0 0")
	a.do("EVAL", "redis.call('get', KEYS[1]) redis.call('set', KEYS[1], 1)", "1", "no")
	a.do("MULTI")
	a.do("MGET", "no", "no2")
	a.do("EXEC")
	expect(t, a.field("stats", "keyspace_hits")+" "+a.field("stats", "keyspace_misses"), "1 2")
}
