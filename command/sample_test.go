package command

import (
	"fmt"
	"testing"

	"crdb/resp"
)

// TestSample: every sample has k different elements of the collection, also
// when the draws never give all of them.
func TestSample(t *testing.T) {
	for _, tc := range []struct{ size, k, drawn int }{
		{2, 1, 2}, {10, 1, 10}, {10, 5, 10}, {10, 6, 10}, {10, 9, 10}, {1000, 500, 1000}, {1000, 999, 1000},
		{10, 5, 1}, {10, 8, 1}, {10, 3, 2},
	} {
		n := 0
		s := collection{
			size: tc.size,
			draw: func() (name, value []byte) {
				n += 7
				return []byte(fmt.Sprint(n % tc.drawn)), nil
			},
			each: func(fn func(name, value []byte) bool) {
				for i := 0; i < tc.size && fn([]byte(fmt.Sprint(i)), nil); i++ {
				}
			},
		}
		got := make(map[string]bool)
		s.sample(tc.k, func(name, _ []byte) { got[string(name)] = true })
		if len(got) != tc.k {
			t.Errorf("%+v: %d different elements", tc, len(got))
		}
	}
}

// TestRepeatIsBounded: a count from a client costs no more than the reply may be long.
func TestRepeatIsBounded(t *testing.T) {
	c := &Context{Out: &resp.Writer{}}
	repeat(c, 1<<62, 2, func() { t.Fatal("an element was written") })
	if got := string(c.Out.Buf); got != "-ERR reply exceeds maximum allowed size\r\n" {
		t.Errorf("%q", got)
	}
	c.Out.Buf = nil
	repeat(c, 2, 2, func() { c.Out.Array(0) })
	if got := string(c.Out.Buf); got != "*4\r\n*0\r\n*0\r\n" {
		t.Errorf("%q", got)
	}
}

func TestHeaderFirst(t *testing.T) {
	for _, n := range []int{0, 1, 40, 500} {
		out := &resp.Writer{}
		out.OK()
		start := len(out.Buf)
		want := fmt.Sprintf("+OK\r\n*2\r\n$1\r\n0\r\n*%d\r\n", n)
		for range n {
			out.Int(7)
			want += ":7\r\n"
		}
		end := len(out.Buf)
		out.Array(2)
		bulkUint(out, 0)
		out.Array(n)
		headerFirst(out, start, end)
		if string(out.Buf) != want {
			t.Errorf("n=%d: %q", n, out.Buf)
		}
	}
}
