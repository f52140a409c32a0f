package command

import (
	"bufio"
	"fmt"
	"net"
	"sort"
	"strings"
	"testing"
	"time"
)

// TestFactsAreRedis compares COMMAND INFO of every command we have with
// redis-server's, over both protocols. Subcommands come in no order, so each
// is asked for by itself.
func TestFactsAreRedis(t *testing.T) {
	if testing.Short() {
		t.Skip("starts redis-server")
	}
	real := startRedis(t)
	w := newWorld(t)
	for _, proto := range []string{"2", "3"} {
		c := w.dial("p" + proto)
		c.do("HELLO", proto)
		nc, err := net.Dial("unix", real.path)
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		r := bufio.NewReader(nc)
		ask := func(args ...string) string {
			nc.SetDeadline(time.Now().Add(10 * time.Second))
			fmt.Fprint(nc, wire(args...))
			text, err := readReply(r)
			if err != nil {
				t.Fatal(err)
			}
			return text
		}
		ask("HELLO", proto)
		for _, cmd := range w.srv.table.all {
			if beyondRedis(cmd.Name) || cmd.subs != nil {
				continue
			}
			got, want := c.do("COMMAND", "INFO", cmd.Name), ask("COMMAND", "INFO", cmd.Name)
			if got != want {
				t.Errorf("COMMAND INFO %s, RESP%s\ngot  %q\nwant %q", cmd.Name, proto, got, want)
			}
			// Summaries are ours; the rest of the documentation is not, but
			// for complexity (shortened) and history (left out).
			got, want = c.do("COMMAND", "DOCS", cmd.Name), ask("COMMAND", "DOCS", cmd.Name)
			if got, want := arguments(got), arguments(want); got != want {
				t.Errorf("COMMAND DOCS %s, RESP%s\ngot  %q\nwant %q", cmd.Name, proto, got, want)
			}
		}
	}
}

// arguments cuts the arguments out of COMMAND DOCS.
func arguments(docs string) string {
	_, args, _ := strings.Cut(docs, "\r\n$9\r\narguments\r\n")
	return args
}

// readReply reads one reply as it is.
func readReply(r *bufio.Reader) (string, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return "", err
	}
	n := 0
	fmt.Sscan(line[1:len(line)-2], &n)
	switch line[0] {
	case '$', '=':
		if n < 0 {
			return line, nil
		}
		buf := make([]byte, n+2)
		for got := 0; got < len(buf); {
			k, err := r.Read(buf[got:])
			if err != nil {
				return "", err
			}
			got += k
		}
		return line + string(buf), nil
	case '%':
		n *= 2
	case '*', '~', '>':
	default:
		return line, nil
	}
	var b strings.Builder
	b.WriteString(line)
	for range n {
		part, err := readReply(r)
		if err != nil {
			return "", err
		}
		b.WriteString(part)
	}
	return b.String(), nil
}

// Every command can be looked up in any case, has a handler and a summary, and
// the keys the table finds agree with FirstKey, LastKey and KeyStep.
func TestTable(t *testing.T) {
	table := newTable(families()...)
	for _, cmd := range table.all {
		if cmd.Handler == nil && cmd.subs == nil {
			t.Errorf("%s has no handler", cmd.Name)
		}
		if cmd.Summary == "" || cmd.Group == "" || cmd.Since == "" {
			t.Errorf("%s is not documented", cmd.Name)
		}
		if table.byFullName([]byte(strings.ToUpper(cmd.Name))) != cmd {
			t.Errorf("%s is not found", cmd.Name)
		}
		checkKeys(t, cmd)
	}
}

func checkKeys(t *testing.T, cmd *Command) {
	n := max(cmd.Arity, -cmd.Arity)
	args := make([][]byte, 0, n+2)
	for range n {
		args = append(args, []byte("1"))
	}
	refs, err := cmd.keyRefs(nil, args)
	if err != nil || cmd.FirstKey == 0 || !cmd.hasKeys() || cmd.Flags&MovableKeys != 0 { // movable: the three numbers are not all
		return
	}
	var found []int
	for _, r := range refs {
		found = append(found, r.index)
	}
	sort.Ints(found)
	last := cmd.LastKey
	if last < 0 {
		last += n
	}
	var want []int
	for i := cmd.FirstKey; i <= last; i += cmd.KeyStep {
		want = append(want, i)
	}
	if fmt.Sprint(found) != fmt.Sprint(want) {
		t.Errorf("%s: key specs find %v, first, last and step %v", cmd.Name, found, want)
	}
}

func TestKeySpecs(t *testing.T) {
	tests := []struct{ spec, args, want string }{
		{"index 1 range 0 1 0 RW", "set k v", "[1]"},
		{"index 1 range -1 1 0 RW", "del a b c", "[1 2 3]"},
		{"index 1 range -1 2 0 OW", "mset a 1 b 2", "[1 3]"},
		{"keyword STREAMS 1 range -1 1 2 RO", "xread count 2 streams a b 0 0", "[4 5]"},
		{"keyword KEYS -2 range -1 1 0 RW", "migrate h p x d t keys a b", "[7 8]"},
		{"index 2 keynum 0 1 1 RW", "eval s 2 a b c", "[3 4]"},
		{"index 2 keynum 0 1 1 RW", "eval s 3 a b", "error"},
		{"index 2 keynum 0 1 1 RW", "eval s _+1.5 a b", "[3]"},
		{"index 2 keynum 0 1 1 RW", "eval s _-1 a b", "error"},
		{"index 2 keynum 0 1 1 RW", "eval s 99999999999999999999 a b", "error"},
		{"unknown unknown RO", "sort k", "[]"},
	}
	for _, tt := range tests {
		var args [][]byte
		for _, a := range strings.Fields(tt.args) {
			args = append(args, []byte(strings.ReplaceAll(a, "_", " ")))
		}
		spec := parseKeySpec(tt.spec)
		refs, err := spec.find(nil, args)
		idx := []int{}
		for _, r := range refs {
			idx = append(idx, r.index)
		}
		got := fmt.Sprint(idx)
		if err != nil {
			got = "error"
		}
		if got != tt.want {
			t.Errorf("%s in %q: %s, want %s", tt.spec, tt.args, got, tt.want)
		}
	}
}

func TestUsage(t *testing.T) {
	all := loadFacts()
	for name, want := range map[string]string{
		"set":            "key value [<NX | XX>] [GET] [<EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL>]",
		"mset":           "key value [key value ...]",
		"client|setinfo": "<LIB-NAME libname | LIB-VER libver>",
		"del":            "key [key ...]",
	} {
		if got := usage(all[name].syntax); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestDocsAreWellFormed(t *testing.T) {
	w := newWorld(t)
	c := w.dial("a")
	for _, proto := range []string{"2", "3"} {
		c.do("HELLO", proto)
		for _, line := range []string{"COMMAND", "COMMAND DOCS", "COMMAND LIST", "COMMAND LIST FILTERBY ACLCAT read", "CLIENT HELP",
			"CONFIG HELP", "MEMORY STATS", "LATENCY HISTOGRAM", "SLOWLOG GET", "CONFIG GET *", "INFO ALL", "CLIENT INFO", "LATENCY DOCTOR", "MEMORY DOCTOR", "LOLWUT", "ROLE", "TIME"} {
			got := c.send(line + "\r\n")
			r := bufio.NewReader(strings.NewReader(got))
			one, err := readReply(r)
			if err != nil || one != got || got[0] == '-' {
				t.Errorf("%s, RESP%s: %d of %d bytes are the reply: %v %.80q", line, proto, len(one), len(got), err, got)
			}
		}
	}
}
