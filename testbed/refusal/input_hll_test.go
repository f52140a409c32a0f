package refusal

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"crdb/testbed/oracle"
)

// hllHead is the head of a HyperLogLog's string: its form, and whether the
// count that it carries is stale.
func hllHead(form byte, count string) string {
	return "HYLL" + string([]byte{form}) + "\x00\x00\x00" + count
}

// forged are strings that an enemy has made to look like HyperLogLogs.
func forged() map[string]string {
	const stale, cached, huge = "\x00\x00\x00\x00\x00\x00\x00\x80", "\x07\x00\x00\x00\x00\x00\x00\x00", "\xff\xff\xff\xff\xff\xff\xff\x7f"
	const dense = 12288
	empty := "\x7f\xff" // XZERO of all registers
	all := map[string]string{
		"no string": "", "magic alone": "HYLL", "head cut": hllHead(1, stale)[:15], "head alone": hllHead(1, stale), "no such form": hllHead(2, stale) + empty,
		"form 255": hllHead(255, stale) + empty, "empty": hllHead(1, stale) + empty, "cached": hllHead(1, cached) + empty, "cached, huge": hllHead(1, huge) + empty,
		"cached, no body": hllHead(1, cached), "reserved bytes": strings.Replace(hllHead(1, stale), "\x00\x00\x00", "\x01\x02\x03", 1) + empty,
		"dense":        hllHead(0, stale) + strings.Repeat("\x00", dense),
		"dense, full":  hllHead(0, stale) + strings.Repeat("\xff", dense),
		"dense, ones":  hllHead(0, stale) + strings.Repeat("\x41\x10\x04", dense/3),
		"dense, short": hllHead(0, stale) + strings.Repeat("\x00", dense-1), "dense, long": hllHead(0, stale) + strings.Repeat("\x00", dense+1),
		"dense, cached": hllHead(0, cached) + strings.Repeat("\xff", dense), "dense, no body": hllHead(0, stale),
		"one too few": hllHead(1, stale) + "\x7f\xfe", "one too many": hllHead(1, stale) + empty + "\x00", "value too many": hllHead(1, stale) + empty + "\x80",
		"XZERO cut":        hllHead(1, stale) + "\x7f",
		"XZERO cut behind": hllHead(1, stale) + "\x7f\xfe" + "\x7f",
		"XZERO twice":      hllHead(1, stale) + empty + empty,
		"XZERO for ever":   hllHead(1, stale) + strings.Repeat(empty, 40000),
		"ZERO for ever":    hllHead(1, stale) + strings.Repeat("\x3f", 70000),
		"ZERO exactly":     hllHead(1, stale) + strings.Repeat("\x3f", 256),
		"VAL for ever":     hllHead(1, stale) + strings.Repeat("\xff", 70000),
		"VAL exactly":      hllHead(1, stale) + strings.Repeat("\xff", 4096),
		"VAL, low":         hllHead(1, stale) + strings.Repeat("\x83", 4096),
		"VAL, one over":    hllHead(1, stale) + strings.Repeat("\xff", 4096) + "\x80",
		"values, then cut": hllHead(1, stale) + "\x84\x88\x8c\x7f",
		"last VAL over":    hllHead(1, stale) + "\x7f\xfd" + "\x83",
		"first VAL":        hllHead(1, stale) + "\x84" + "\x7f\xfe",
		"over 31 bits":     hllHead(1, stale) + strings.Repeat(empty, 131073),
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 120 {
		body := make([]byte, 1+rng.IntN(24))
		for j := range body {
			body[j] = byte(rng.Uint32())
		}
		tail := ""
		if i%2 == 0 { // so that the registers may come out right
			tail = empty
		}
		all[fmt.Sprintf("random %d", i)] = hllHead(byte(i%8/7^1), []string{stale, cached}[i%5/4]) + string(body) + tail
	}
	return all
}

// otherForm are sound ones that nobody but an enemy would write so. What they
// count is the same; when it changes, crdb writes the usual form.
var otherForm = []string{"reserved bytes", "ZERO exactly", "VAL exactly"}

// hlls asks about forged strings and merges them, alone and with sound ones.
func hlls(t *testing.T, b *servers) {
	for name, value := range forged() {
		commands := [][]string{{"DEL", "d", "e", "f"}, {"PFADD", "good", "a", "b", "c"}, {"PFCOUNT", "good"}, {"SET", "bad", value}}
		again := []string{"SET", "bad", value}
		for _, line := range []string{
			"PFCOUNT bad", "PFCOUNT bad", "PFADD bad", "PFADD bad x", "PFCOUNT bad", "PFADD bad y z", "STRLEN bad",
			"SET", "PFCOUNT bad good", "PFCOUNT good bad", "PFCOUNT nosuch bad", "PFMERGE d bad", "PFCOUNT d", "STRLEN d", "PFCOUNT d good", "GET d",
			"SET", "PFMERGE e good bad", "PFCOUNT e", "GET e", "PFMERGE bad good", "PFCOUNT bad", "STRLEN bad", "PFADD bad q", "PFCOUNT bad", "GET bad",
			"SET", "PFMERGE bad", "PFCOUNT bad", "PFADD bad r", "PFMERGE f bad bad", "PFCOUNT f", "PFADD f a", "PFCOUNT f", "GET f", "COPY bad f REPLACE", "PFCOUNT f",
		} {
			if line == "SET" {
				commands = append(commands, again)
			} else {
				commands = append(commands, strings.Fields(line))
			}
		}
		redis, err := b.redis.Pipeline(commands)
		if err != nil {
			t.Fatalf("redis: %s: %v", name, err)
		}
		crdb, err := b.crdb.Pipeline(commands)
		if err != nil {
			t.Fatalf("crdb: %s: %v", name, err)
		}
		for i, args := range commands {
			if slices.Contains(otherForm, name) && (args[0] == "GET" || args[0] == "STRLEN") {
				continue
			}
			if !oracle.SameReply(args, redis[i], crdb[i]) {
				t.Errorf("%s (%.50q), %.50q:\n redis: %.100s\n crdb:  %.100s", name, value, args, redis[i], crdb[i])
				break
			}
		}
	}
}
