package refusal

import (
	"strings"
	"testing"
)

// endless is what Redis takes at its word, so that it does nothing else for
// ever or until it has no memory: it is sent to crdb alone, which refuses it.
func endless(t *testing.T, b *servers) {
	for _, args := range contents {
		if _, err := b.crdb.Do(args...); err != nil {
			t.Fatal(err)
		}
	}
	const most = "ERR reply exceeds maximum allowed size"
	for _, row := range []struct{ command, says string }{
		{"SRANDMEMBER t -9223372036854775807", most},
		{"SRANDMEMBER t -4294967296", most},
		{"HRANDFIELD h -9223372036854775807", most},
		{"HRANDFIELD h -4611686018427387903 WITHVALUES", most},
		{"ZRANDMEMBER z -9223372036854775807", most},
		{"ZRANDMEMBER z -4611686018427387903 WITHSCORES", most},
		{"ZRANDMEMBER z -1000000000", most},
	} {
		reply, err := b.crdb.Do(strings.Fields(row.command)...)
		if err != nil {
			t.Fatal(err)
		}
		if reply.Head != "-"+row.says {
			t.Errorf("%s: %.200s, want %s", row.command, reply, row.says)
		}
	}
}
