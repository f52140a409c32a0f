package command

import (
	"strings"
	"testing"
	"time"
)

// In the very millisecond of its deadline a key is still there: also under another name.
func TestRenameAtDeadline(t *testing.T) {
	for _, fill := range []string{"SET k v", "RPUSH k v", "SADD k v", "HSET k f v", "ZADD k 1 v", "XADD k 1-1 f v", "PFADD k v"} {
		for _, move := range []string{"RENAME k m", "RENAMENX k m", "COPY k m"} {
			w := newWorld(t)
			a := w.dial("a")
			a.do(strings.Fields(fill)...)
			a.do("PEXPIRE", "k", "100")
			w.advance(100 * time.Millisecond)
			a.do(strings.Fields(move)...)
			if got := a.do("PTTL", "m"); got != ":0\r\n" {
				t.Errorf("PTTL after %s of %s is %q", move, fill, got)
			}
			w.advance(time.Millisecond)
			expect(t, a.do("EXISTS", "m"), ":0\r\n")
		}
	}
}
