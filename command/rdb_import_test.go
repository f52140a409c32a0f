package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"crdb/oplog"
	"crdb/rdb"
)

// dumpFile makes a file; each key is "db name deadline kind item ...".
func dumpFile(t testing.TB, keys ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := rdb.NewWriter(&b)
	w.BeginFile("redis-ver", "7.0.0")
	for _, text := range keys {
		var db int
		var name, kind string
		var deadline int64
		if _, err := fmt.Sscan(text, &db, &name, &deadline, &kind); err != nil {
			t.Fatal(text, err)
		}
		items := strings.Fields(text)[4:]
		w.Select(db)
		w.Key([]byte(name), deadline)
		switch kind {
		case "string":
			w.Object(rdb.String, 0)
		case "list":
			w.Object(rdb.List, len(items))
		case "set":
			w.Object(rdb.Set, len(items))
		case "hash":
			w.Object(rdb.Hash, len(items)/2)
		}
		for _, x := range items {
			w.Item([]byte(x))
		}
	}
	if err := w.EndFile(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

const now = 1_700_000_000_000 // the world's clock

func (w *world) importFile(file []byte, mode ImportMode) (ImportResult, error) {
	return w.srv.Import(context.Background(), bytes.NewReader(file), ImportOptions{Mode: mode})
}

func TestImportModes(t *testing.T) {
	file := dumpFile(t,
		"0 s 0 string new", fmt.Sprint("0 dated ", now+5000, " string x"), fmt.Sprint("0 gone ", now, " string x"),
		"0 l 0 list c d", fmt.Sprint("0 set ", now+7000, " set b c"), "3 h 0 hash f 2 g 3", "0 other 0 list x")
	const before = "SET s old; RPUSH l a b; SADD set a b; SET other mine"
	for _, c := range []struct {
		mode        ImportMode
		before      string
		n           ImportResult
		err         error
		want, pttls string
	}{
		{ImportEmpty, "", ImportResult{Keys: 6, Expired: 1}, nil, "new; x; nil; c d; b c; x", "-1 5000 7000"},
		{ImportEmpty, before, ImportResult{}, ErrNotEmpty, "old; nil; nil; a b; a b; WRONGTYPE", "-1 -2 -1"},
		{ImportFlush, before, ImportResult{Keys: 6, Expired: 1}, nil, "new; x; nil; c d; b c; x", "-1 5000 7000"},
		{ImportReplace, before, ImportResult{Keys: 6, Expired: 1}, nil, "new; x; nil; c d; b c; x", "-1 5000 7000"},
		{ImportMerge, before, ImportResult{Keys: 5, Expired: 1, Kept: 1}, nil, "new; x; nil; a b c d; a b c; WRONGTYPE", "-1 5000 -1"},
		{ImportBelow, before, ImportResult{Keys: 2, Expired: 1, Kept: 4}, nil, "old; x; nil; a b; a b; WRONGTYPE", "-1 5000 -1"},
	} {
		t.Run(fmt.Sprint(c.mode, c.before == ""), func(t *testing.T) {
			w := newWorld(t)
			for _, cmd := range strings.Split(c.before, "; ") {
				if cmd != "" {
					w.ask(cmd)
				}
			}
			n, err := w.importFile(file, c.mode)
			if n.Bytes = 0; n != c.n || !errors.Is(err, c.err) {
				t.Errorf("%+v, %v", n, err)
			}
			var got []string
			for _, cmd := range []string{"GET s", "GET dated", "GET gone", "LRANGE l 0 -1", "SORT set ALPHA", "LRANGE other 0 -1"} {
				got = append(got, w.ask(cmd))
			}
			if s := strings.Join(got, "; "); s != c.want {
				t.Errorf("got  %s\nwant %s", s, c.want)
			}
			if s := w.ask("PTTL s") + " " + w.ask("PTTL dated") + " " + w.ask("PTTL set"); s != c.pttls {
				t.Errorf("deadlines %s, want %s", s, c.pttls)
			}
		})
	}
}

// ask runs a command and returns its reply as words.
func (w *world) ask(line string) string {
	w.t.Helper()
	var words []string
	for _, l := range strings.Split(w.dial("import").do(strings.Fields(line)...), "\r\n") {
		switch {
		case l == "$-1":
			words = append(words, "nil")
		case l == "" || l[0] == '$' || l[0] == '*':
		case l[0] == '-':
			words = append(words, strings.Fields(l[1:])[0])
		default:
			words = append(words, strings.TrimLeft(l, "+:"))
		}
	}
	return strings.Join(words, " ")
}

// TestImportRefuses: what is wrong with a file is said with its place, and what
// came before it stays.
func TestImportRefuses(t *testing.T) {
	file := dumpFile(t, "0 a 0 string x", "0 b 0 string y")
	damaged := bytes.Clone(file)
	damaged[len(damaged)-1] ^= 1
	for _, c := range []struct {
		name, want string
		file       []byte
		keys       int64
	}{
		{"empty", "at byte 0: not a dump file of Redis: it is too short", nil, 0},
		{"short", "the data ends too soon", file[:len(file)-12], 1},
		{"damaged", "the checksum is wrong", damaged, 2},
		{"longer", "more bytes follow", append(bytes.Clone(file), "*1\r\n"...), 2},
		{"database", "database 16: there are 16", dumpFile(t, "0 a 0 string x", "16 b 0 string y"), 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			n, err := w.importFile(c.file, ImportEmpty)
			if err == nil || !strings.Contains(err.Error(), c.want) || n.Keys != c.keys {
				t.Errorf("%d keys, %v", n.Keys, err)
			}
		})
	}
}

// TestImportFlushesForDumpFilesOnly: what is no dump file removes nothing.
func TestImportFlushesForDumpFilesOnly(t *testing.T) {
	for _, file := range []string{"", "REDIS", "REDIS9999", "SET a 1\r\nSET b 2\r\n"} {
		w := newWorld(t)
		w.ask("SET s old")
		if _, err := w.importFile([]byte(file), ImportFlush); err == nil || w.ask("GET s") != "old" {
			t.Errorf("%q: %v, and s is %s", file, err, w.ask("GET s"))
		}
	}
}

// TestImportObeysMaxmemoryAndTheLog: an import is refused what clients are
// refused.
func TestImportObeysMaxmemoryAndTheLog(t *testing.T) {
	w := newWorld(t)
	w.ask("SET s " + strings.Repeat("x", 4000))
	w.ask("CONFIG SET maxmemory 1000")
	if _, err := w.importFile(dumpFile(t, "0 a 0 string x"), ImportReplace); !errors.Is(err, ErrOverMemory) {
		t.Error(err)
	}
	w.ask("CONFIG SET maxmemory 0")
	w.log.set(func() { w.log.admit = oplog.ErrDiskFull })
	if _, err := w.importFile(dumpFile(t, "0 a 0 string x"), ImportReplace); !errors.Is(err, oplog.ErrDiskFull) {
		t.Error(err)
	}
	w.log.set(func() { w.log.admit = nil })
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := w.srv.Import(ctx, bytes.NewReader(dumpFile(t, "0 a 0 string x")), ImportOptions{Mode: ImportReplace}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestImportInPartsLeavesAloneWhatClientsChange: a client that removes a key
// while its parts arrive is not undone.
func TestImportInPartsLeavesAloneWhatClientsChange(t *testing.T) {
	items := strings.Repeat(" item", 5000)
	file := dumpFile(t, "0 l 0 list"+items, "0 m 0 list"+items)
	w := newWorld(t)
	src := &hooked{b: file}
	src.at, src.hook = len(file)*3/4, func() { w.ask("DEL m"); w.ask("SET m mine") }
	n, err := w.srv.Import(context.Background(), src, ImportOptions{})
	if err != nil || n.Keys != 2 || n.Kept != 1 || w.ask("LLEN l") != "5000" {
		t.Error(n, err, w.ask("LLEN l"))
	}
	if got := w.ask("GET m"); got != "mine" {
		t.Errorf("m is %s", got)
	}
}

// hooked calls hook once at bytes have been read.
type hooked struct {
	b    []byte
	at   int
	hook func()
}

func (h *hooked) Read(p []byte) (int, error) {
	if len(h.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), 1000)], h.b)
	h.b = h.b[n:]
	if h.at -= n; h.at <= 0 && h.hook != nil {
		h.hook()
		h.hook = nil
	}
	return n, nil
}

// TestImportKeepsUses: how often keys have been used, from a Redis that counts it, or how
// long ago, whichever is kept here.
func TestImportKeepsUses(t *testing.T) {
	const file = "REDIS0010\xfe\x00\xf9\xc8\x00\x01k\x01v\xf8\x40\x64\x00\x01l\x01v\xff\x00\x00\x00\x00\x00\x00\x00\x00"
	for _, c := range []struct{ policy, ask, want string }{
		{"allkeys-lfu", "OBJECT FREQ k", "200"},
		{"allkeys-lru", "OBJECT IDLETIME l", "100"},
	} {
		w := newWorld(t)
		w.ask("CONFIG SET maxmemory-policy " + c.policy)
		if _, err := w.importFile([]byte(file), ImportEmpty); err != nil {
			t.Fatal(err)
		}
		if got := w.ask(c.ask); got != c.want {
			t.Errorf("%s: %s, want %s", c.policy, got, c.want)
		}
	}
}
