package refusal

import (
	"strings"
	"testing"
	"time"

	"crdb/testbed/oracle"
)

// offsets tries offsets past every bound, and then writes at some far behind
// the end of strings. What is in between is not logged: a node is about as fast
// as Redis, and takes no more memory.
func offsets(t *testing.T, b *servers) {
	table("offsets.txt")(t, b)
	var lines []line
	for _, s := range []string{
		"SETRANGE a 3000000 tail", "STRLEN a", "GETRANGE a 2999990 -1", "BITCOUNT a", "BITPOS a 1",
		"SET c start", "EXPIRE c 1000", "SETRANGE c 200000 x", "GETRANGE c 0 9", "GETRANGE c 199990 -1", "STRLEN c", "TTL c", "COPY c e", "BITCOUNT e", "APPEND c more",
		"SETRANGE c 65541 y", "GETRANGE c 65530 65550", "BITCOUNT c", "SET f abc", "SETRANGE f 65539 z", "STRLEN f", "SET f abc", "SETRANGE f 65538 z", "STRLEN f",
		"SETBIT g 20000003 1", "GETBIT g 20000003", "BITCOUNT g", "STRLEN g", "SETBIT g 30000000 0", "STRLEN g", "BITPOS g 1", "SETBIT g 5 1", "BITCOUNT g",
		"BITFIELD h2 SET u16 16000001 65535 GET u8 #1 INCRBY i5 16000100 3", "BITCOUNT h2", "STRLEN h2", "BITFIELD h2 OVERFLOW FAIL INCRBY u2 24000000 9", "STRLEN h2",
		"RPUSH w x", "SETRANGE w 100000 x", "SETBIT w 1000000 1",
		"MULTI", "SETRANGE m 100000 a", "SETRANGE m 300000 b", "SETBIT m 8000000 1", "GETRANGE m 99999 100001", "EXEC", "STRLEN m", "BITCOUNT m",
	} {
		lines = append(lines, line{args: strings.Fields(s)})
	}
	b.play(t, lines)
	var took [2]time.Duration
	for i, c := range []*oracle.Conn{b.redis, b.crdb} {
		began := time.Now()
		for _, row := range []struct{ command, says string }{
			{"SETRANGE far 536870911 x", ":536870912"}, {"STRLEN far", ":536870912"}, {"GETBIT far 4294967290", ":1"}, {"DEL far", ":1"},
		} {
			if r, err := c.Do(strings.Fields(row.command)...); err != nil || r.Head != row.says {
				t.Errorf("%s: %.100s %v, want %s", row.command, r, err, row.says)
			}
		}
		took[i] = time.Since(began)
	}
	if took[1] > 3*took[0]+time.Second {
		t.Errorf("a string of 512 MB: redis %v, crdb %v", took[0], took[1])
	}
}
