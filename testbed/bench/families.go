package main

import (
	"fmt"
	"strconv"
	"strings"
)

// family is a command that redis-benchmark sends as it stands, __rand_int__
// being a number below keys. What fill gives for a number of requests is done
// first and not measured.
type family struct {
	name  string
	fill  func(n int) [][]string
	args  []string
	heavy bool // long replies: a fifth of the requests will do
}

// compareAndDelete is how locks are released; the others loop in Lua and over
// commands.
const (
	compareAndDelete = "if redis.call('get',KEYS[1])==ARGV[1] then return redis.call('del',KEYS[1]) else return 0 end"
	luaLoop          = "local s=0 for i=1,100 do s=s+i end return s"
	callLoop         = "local n=0 for i=1,10 do n=n+redis.call('incr',KEYS[1]) end return n"
)

// text makes a string of n bytes.
func text(key string, n int) func(int) [][]string {
	return func(int) [][]string { return [][]string{{"SETRANGE", key, strconv.Itoa(n - 1), "x"}} }
}

// batches returns commands that together have n elements, of which elem makes
// the arguments.
func batches(n int, command, key string, elem func(i int) []string) func(int) [][]string {
	return func(requests int) (cmds [][]string) {
		total := n
		if total == 0 { // more than the requests take out
			total = requests + fillBatch
		}
		for i := 0; i < total; {
			args := []string{command, key}
			for end := min(i+fillBatch, total); i < end; i++ {
				args = append(args, elem(i)...)
			}
			cmds = append(cmds, args)
		}
		return cmds
	}
}

// families in the order in which they run: SREM and HGET find what SADD and
// HSET have left. "In many keys" means small collections, as sessions and carts are.
func families() []family {
	value := strings.Repeat("x", valueSize)
	of := func(int) []string { return []string{value} }
	member := func(i int) []string { return []string{fmt.Sprintf("member:%012d", i)} }
	scored := func(i int) []string { return []string{strconv.Itoa(i), fmt.Sprintf("member:%012d", i)} }
	field := func(i int) []string { return []string{fmt.Sprintf("field:%012d", i), value} }
	entries := func(n int) (cmds [][]string) { // of a stream that has a group
		cmds = [][]string{{"DEL", "jobs"}, {"XGROUP", "CREATE", "jobs", "group", "0", "MKSTREAM"}}
		for i := range n {
			cmds = append(cmds, []string{"XADD", "jobs", "1-" + strconv.Itoa(i+1), "field", value})
		}
		return cmds
	}
	mset := []string{"MSET"}
	for i := range 10 {
		mset = append(mset, fmt.Sprintf("mset:%d:__rand_int__", i), value)
	}
	return []family{
		{name: "LPUSH", args: []string{"LPUSH", "list", value}},
		{name: "LPOP", fill: batches(0, "LPUSH", "list", of), args: []string{"LPOP", "list"}},
		{name: "RPOP", fill: batches(0, "LPUSH", "list", of), args: []string{"RPOP", "list"}},
		{name: "RPOPLPUSH", args: []string{"RPOPLPUSH", "list", "list"}},
		{name: "LRANGE_100", fill: batches(1000, "RPUSH", "thousand", of), args: []string{"LRANGE", "thousand", "0", "99"}, heavy: true},
		{name: "LRANGE_600", args: []string{"LRANGE", "thousand", "0", "599"}, heavy: true},
		{name: "SETRANGE in 10 KB", fill: text("10k", 10_000), args: []string{"SETRANGE", "10k", "77", "__rand_int__"}},
		{name: "SETRANGE in 100 KB", fill: text("100k", 100_000), args: []string{"SETRANGE", "100k", "77", "__rand_int__"}},
		{name: "SADD", args: []string{"SADD", "set", "member:__rand_int__"}},
		{name: "SISMEMBER", args: []string{"SISMEMBER", "set", "member:__rand_int__"}},
		{name: "SREM", args: []string{"SREM", "set", "member:__rand_int__"}},
		{name: "SPOP", fill: batches(0, "SADD", "pool", member), args: []string{"SPOP", "pool"}},
		{name: "HSET", args: []string{"HSET", "hash", "field:__rand_int__", value}},
		{name: "HGET", args: []string{"HGET", "hash", "field:__rand_int__"}},
		{name: "HMGET of 3", args: []string{"HMGET", "hash", "field:__rand_int__", "field:__rand_int__", "field:__rand_int__"}},
		{name: "HGETALL of 20", fill: batches(20, "HSET", "small", field), args: []string{"HGETALL", "small"}, heavy: true},
		{name: "HINCRBY", args: []string{"HINCRBY", "counts", "field:__rand_int__", "1"}},
		{name: "ZADD", args: []string{"ZADD", "zset", "__rand_int__", "member:__rand_int__"}},
		{name: "ZINCRBY", args: []string{"ZINCRBY", "zset", "1", "member:__rand_int__"}},
		{name: "ZRANGE_100", fill: batches(10_000, "ZADD", "ranks", scored), args: []string{"ZRANGE", "ranks", "0", "99"}, heavy: true},
		{name: "ZRANGEBYSCORE_100", args: []string{"ZRANGEBYSCORE", "ranks", "500", "+inf", "LIMIT", "0", "100"}, heavy: true},
		{name: "ZPOPMIN", fill: batches(0, "ZADD", "queue", scored), args: []string{"ZPOPMIN", "queue"}},
		{name: "XADD", args: []string{"XADD", "stream", "*", "field", value}},
		{name: "XADD MAXLEN ~ 1000", args: []string{"XADD", "short", "MAXLEN", "~", "1000", "*", "field", value}},
		{name: "XRANGE_10", args: []string{"XRANGE", "stream", "-", "+", "COUNT", "10"}, heavy: true},
		{name: "XREADGROUP", fill: entries, args: []string{"XREADGROUP", "GROUP", "group", "one", "COUNT", "1", "STREAMS", "jobs", ">"}},
		{name: "XACK", args: []string{"XACK", "jobs", "group", "1-__rand_int__"}},
		{name: "MSET of 10", args: mset},
		{name: "HSET in many keys", args: []string{"HSET", "user:__rand_int__", "field:__rand_int__", value}},
		{name: "HGET in many keys", args: []string{"HGET", "user:__rand_int__", "field:__rand_int__"}},
		{name: "HGETALL in many keys", args: []string{"HGETALL", "user:__rand_int__"}},
		{name: "SADD in many keys", args: []string{"SADD", "tags:__rand_int__", "member:__rand_int__"}},
		{name: "ZADD in many keys", args: []string{"ZADD", "board:__rand_int__", "__rand_int__", "member:__rand_int__"}},
		{name: "LPUSH in many keys", args: []string{"LPUSH", "inbox:__rand_int__", value}},
		{name: "SET for EVAL", args: []string{"SET", "lock:__rand_int__", "token"}},
		{name: "EVAL compare-and-delete", args: []string{"EVAL", compareAndDelete, "1", "lock:__rand_int__", "token"}},
		{name: "EVAL loop of 100", args: []string{"EVAL", luaLoop, "0"}},
		{name: "EVAL 10 INCR", args: []string{"EVAL", callLoop, "1", "counter"}},
	}
}
