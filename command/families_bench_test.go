package command

import (
	"fmt"
	"strings"
	"testing"
)

// BenchmarkFamilies is what the rows of the families that write cost without a
// network: pipelined by 16, the log on a disk in memory. Members that the bench
// with redis-server draws by chance are drawn here, too.
func BenchmarkFamilies(b *testing.B) {
	const members = 100_000
	value := strings.Repeat("x", 64)
	member := func(i int) string { return fmt.Sprintf("member:%012d", i) }
	for _, row := range []struct {
		name string
		fill func(i int) []string // for each request, or each member if drawn
		args func(i int) []string
	}{
		{"LPUSH", nil, func(int) []string { return []string{"LPUSH", "l", value} }},
		{"LPOP", func(int) []string { return []string{"LPUSH", "l", value} }, func(int) []string { return []string{"LPOP", "l"} }},
		{"RPOP", func(int) []string { return []string{"LPUSH", "l", value} }, func(int) []string { return []string{"RPOP", "l"} }},
		{"RPOPLPUSH", func(int) []string { return []string{"LPUSH", "l", value} }, func(int) []string { return []string{"RPOPLPUSH", "l", "l"} }},
		{"SADD", nil, func(i int) []string { return []string{"SADD", "s", member(i * 7919 % members)} }},
		{"SPOP", func(i int) []string { return []string{"SADD", "s", member(i)} }, func(int) []string { return []string{"SPOP", "s"} }},
		{"HINCRBY", nil, func(i int) []string { return []string{"HINCRBY", "h", member(i * 7919 % members), "1"} }},
		{"ZINCRBY", func(i int) []string { return []string{"ZADD", "z", fmt.Sprint(i), member(i % members)} },
			func(i int) []string { return []string{"ZINCRBY", "z", "1", member(i * 7919 % members)} }},
		{"ZPOPMIN", func(i int) []string { return []string{"ZADD", "z", fmt.Sprint(i), member(i)} }, func(int) []string { return []string{"ZPOPMIN", "z"} }},
		{"XADD", nil, func(int) []string { return []string{"XADD", "x", "*", "field", value} }},
		{"XADDMAXLEN", nil, func(int) []string { return []string{"XADD", "x", "MAXLEN", "~", "1000", "*", "field", value} }},
		{"XACK", func(i int) []string { return []string{"XADD", "x", fmt.Sprintf("1-%d", i+1), "field", value} },
			func(i int) []string { return []string{"XACK", "x", "g", fmt.Sprintf("1-%d", i+1)} }},
	} {
		b.Run(row.name, func(b *testing.B) {
			w := newWorld(b)
			c := w.dial("a")
			input := func(args func(i int) []string) (batches [][]byte) {
				for i := 0; i < b.N; i += 16 {
					var s strings.Builder
					for j := range 16 {
						s.WriteString(wire(args(i + j)...))
					}
					batches = append(batches, []byte(s.String()))
				}
				return batches
			}
			feed := func(data []byte) {
				for len(data) > 0 {
					n := c.s.Input(data)
					c.s.Sent(len(c.s.Output()))
					if data = data[n:]; n == 0 { // the log is behind
						w.log.Sync(b.Context())
						c.s.Wake()
					}
				}
			}
			if row.name == "XACK" {
				c.do("XGROUP", "CREATE", "x", "g", "0", "MKSTREAM")
			}
			if row.fill != nil {
				for _, data := range input(row.fill) {
					feed(data)
				}
			}
			if row.name == "XACK" {
				c.do("XREADGROUP", "GROUP", "g", "one", "COUNT", fmt.Sprint(b.N), "STREAMS", "x", ">")
			}
			batches := input(row.args)
			b.ReportAllocs()
			b.ResetTimer()
			for _, data := range batches {
				feed(data)
			}
		})
	}
}
