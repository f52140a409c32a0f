package refusal

import (
	"strings"
	"testing"

	"crdb/testbed/oracle"
)

// pools are what the words in angle brackets of a table stand for.
var pools = map[string][]string{
	"<key>": {"s", "n", "l", "t", "h", "z", "x", "p", "nosuch"},
	"<num>": numbers,
	"<count>": {
		"9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809", "2305843009213693952",
		"4294967296", "1e9", "", "0", "-0", "-1", "3", "4", "-100000",
	},
	"<bytes>": {
		"", " ", "\x00", "\r\n", "\xff\xfe", "a\x00b", "\x00\x00\x00\x00\x00\x00\x00\x00", "'", "\"", "\\", "*", "[", "[^", "[]", "[a-", "\\\\", "%s%n%x",
		"{", "{}", "}{", "-", "+", "(", "#", strings.Repeat("x", 300), strings.Repeat("\x80", 70000),
	},
}

var numbers = []string{
	"0", "-0", "+1", "01", "1 ", " 1", "", "x", "1x", "1.", ".5", "1.5", "-1", "0x10", "1e2", "1_000", "\x00", "1\x00",
	"2147483647", "2147483648", "-2147483649", "4294967296", "9007199254740993",
	"9223372036854775806", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809",
	"18446744073709551615", "18446744073709551616", strings.Repeat("9", 40), strings.Repeat("9", 400),
	"nan", "-nan", "inf", "+inf", "-inf", "infinity", "1e308", "1e400", "-1e400", "1e-400", "1.7976931348623157e308", "4.9e-324", "1e4932", "1e5000",
}

// contents are the keys on which every line of a table is tried.
var contents = [][]string{
	{"FLUSHALL"}, {"SET", "bystander", "1"},
	{"SET", "s", "value"}, {"SET", "n", "10"}, {"RPUSH", "l", "a", "b", "c"}, {"SADD", "t", "a", "b", "c"}, {"HSET", "h", "f", "1", "g", "x"},
	{"ZADD", "z", "1", "a", "2", "b", "3", "c"}, {"XADD", "x", "1-1", "a", "1"}, {"XGROUP", "CREATE", "x", "g", "0"}, {"PFADD", "p", "a"},
	{"ACL", "DELUSER", "u"}, {"SELECT", "0"}, {"CLIENT", "SETNAME", ""},
}

// table is a group that is a file of lines, each tried with all that its words
// in angle brackets may stand for.
func table(file string) func(*testing.T, *servers) {
	return func(t *testing.T, b *servers) {
		for _, l := range readLines(t, file) {
			b.try(t, l)
		}
	}
}

// try plays one line with every word that it may have, the same one everywhere.
func (b *servers) try(t *testing.T, l line) {
	t.Helper()
	words := []string{""}
	pool := ""
	for name, all := range pools {
		if strings.Contains(strings.Join(l.args, " "), name) {
			pool, words = name, all
		}
	}
	var commands [][]string
	for _, w := range words {
		args := make([]string, len(l.args))
		for i, a := range l.args {
			args[i] = a
			if pool != "" {
				args[i] = strings.ReplaceAll(a, pool, w)
			}
		}
		commands = append(append(commands, contents...), args)
	}
	redis, err := b.redis.Pipeline(commands)
	if err != nil {
		t.Fatalf("redis: %.100q: %v", l.args, err)
	}
	crdb, err := b.crdb.Pipeline(commands)
	if err != nil {
		t.Fatalf("crdb: %.100q: %v", l.args, err)
	}
	differ := false
	for i, args := range commands {
		if oracle.SameReply(args, redis[i], crdb[i]) {
			continue
		}
		if differ = true; l.differs == "" {
			t.Errorf("%.200s\n redis: %.300s\n crdb:  %.300s", oracle.Line(args), redis[i], crdb[i])
		}
	}
	if !differ && l.differs != "" {
		t.Errorf("%s: the replies do not differ any more", oracle.Line(l.args))
	}
}

// arity sends every command and subcommand that both servers know with too few
// words and with too many.
func arity(t *testing.T, b *servers) {
	ours, err := b.crdb.Do("COMMAND")
	if err != nil || len(ours.Items) < 200 {
		t.Fatalf("COMMAND names %d: %v", len(ours.Items), err)
	}
	for len(ours.Items) > 0 {
		info := ours.Items[0].Items
		ours.Items = ours.Items[1:]
		if len(info) > 9 {
			ours.Items = append(ours.Items, info[9].Items...)
		}
		name := info[0].Body
		if theirs, err := b.redis.Do("COMMAND", "INFO", name); err != nil || theirs.Items[0].IsNull() {
			continue // not Redis's
		}
		words := strings.SplitN(name, "|", 2)
		want, _ := info[1].Int()
		least, most := int(want), int(want)
		if want < 0 {
			least, most = -least, 1<<20
		}
		var lines []line
		for n := len(words); n <= least+2; n++ {
			if n < least || n > most {
				args := append(words[:len(words):len(words)], make([]string, n-len(words))...)
				lines = append(lines, line{args: args})
			}
		}
		b.play(t, lines)
	}
}
