package command

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestConfigSet(t *testing.T) {
	c := NewConfig()
	calls := 0
	c.OnChange(func() { calls++ })
	if err := c.Set("nosuch", "1"); !errors.Is(err, ErrUnknownParam) || !strings.Contains(err.Error(), "nosuch") {
		t.Fatalf("got %v", err)
	}
	if err := c.Set("port", "99999"); err == nil || !strings.Contains(err.Error(), "port") {
		t.Fatalf("got %v", err)
	}
	if err := c.Set("PORT", "7000"); err != nil { // a file may set what CONFIG SET may not
		t.Fatal(err)
	}
	var se *SettingError
	if err := c.SetAll([]Setting{{"port", "1"}}); !errors.As(err, &se) || se.Name != "port" {
		t.Fatalf("got %v", err)
	}
	if err := c.SetAll([]Setting{{"hz", "20"}, {"timeout", "x"}}); err == nil || c.Int("hz") != 10 {
		t.Fatalf("got %v, hz %d", err, c.Int("hz"))
	}
	if calls != 1 || c.Int("port") != 7000 {
		t.Fatalf("%d calls, port %d", calls, c.Int("port"))
	}
	if v, ok := c.Get("slave-read-only"); !ok || v != "no" {
		t.Fatalf("alias: %q %v", v, ok)
	}
	if !c.Secret("requirepass") || c.Secret("hz") {
		t.Fatal("secrets")
	}
}

func TestParseMemory(t *testing.T) {
	for in, want := range map[string]int64{
		"0": 0, "": 0, "k": 0, "100": 100, "1b": 1, "1k": 1000, "1kb": 1024, "2MB": 2 << 20, "1G": 1e9, "512mb": 512 << 20,
		"1kk": -1, "-1": -1, "+1": -1, "1.5k": -1, "9223372036854775807gb": -1, "1tb": -1,
	} {
		got, err := ParseMemory(in)
		if err != nil {
			got = -1
		}
		if got != want {
			t.Errorf("%q: %d, want %d", in, got, want)
		}
	}
}

// Every default is what CONFIG GET would show again after setting it.
func TestDefaultsAreCanonical(t *testing.T) {
	c := NewConfig()
	for _, name := range c.Names() {
		before := c.String(name)
		if err := c.Set(name, before); err != nil || c.String(name) != before {
			t.Errorf("%s: %q became %q, %v", name, before, c.String(name), err)
		}
	}
}

func TestHistogram(t *testing.T) {
	for i := range histBuckets - 1 {
		bound := BucketBound(i)
		if bucketOf(bound-1) != i || bucketOf(bound) != i+1 {
			t.Fatalf("bucket %d ends at %d, but %d is in %d and %d in %d", i, bound, bound-1, bucketOf(bound-1), bound, bucketOf(bound))
		}
	}
	if bucketOf(-5) != 0 || bucketOf(1<<62) != histBuckets-1 {
		t.Fatal("out of range")
	}
	var s CommandStats
	for i := int64(1); i <= 1000; i++ {
		s.Hist[bucketOf(i*1000)]++
		s.Calls++
	}
	for _, p := range []float64{50, 99, 100} {
		got, want := float64(s.Percentile(p)), p*10_000
		if got < want || got > want*1.26 {
			t.Errorf("p%v is %v, want %v or little more", p, got, want)
		}
	}
}

func TestRates(t *testing.T) {
	var r rates
	r.per(1e9, 100, 0, 0)
	if ops, _, _ := r.per(1.5e9, 600, 0, 0); ops != 0 {
		t.Fatalf("too early: %v", ops)
	}
	if ops, in, _ := r.per(3e9, 1100, 4000, 0); ops != 500 || in != 2000 {
		t.Fatalf("%v ops, %v bytes", ops, in)
	}
	if ops, _, _ := r.per(5e9, 10, 0, 0); ops != 0 { // after CONFIG RESETSTAT
		t.Fatalf("%v ops", ops)
	}
}

// What the start decides may be said again, but not changed; the others take
// what Redis takes, in its words.
func TestConfigSetTexts(t *testing.T) {
	w := newWorld(t)
	c := w.dial("a")
	failed := func(name, why string) string {
		return "-ERR CONFIG SET failed (possibly related to argument '" + name + "') - " + why + "\r\n"
	}
	for _, row := range []struct{ name, value, want string }{
		{"save", "", "+OK\r\n"},
		{"save", "900 1", failed("save", "can't set immutable config")},
		{"appendonly", "YES", "+OK\r\n"},
		{"appendonly", "no", failed("appendonly", "can't set immutable config")},
		{"appendonly", "maybe", failed("appendonly", "argument must be 'yes' or 'no'")},
		{"databases", "16", failed("databases", "can't set immutable config")},
		{"hz", "0", "+OK\r\n"},
		{"maxmemory-clients", "5%", "+OK\r\n"},
		{"maxmemory-clients", "101%", failed("maxmemory-clients", "percentage argument must be less or equal to 100")},
		{"maxmemory-clients", "x", failed("maxmemory-clients", "argument must be a memory or percent value")},
		{"latency-tracking-info-percentiles", "50.5 7.0 0", "+OK\r\n"},
		{"latency-tracking-info-percentiles", "101", failed("latency-tracking-info-percentiles", "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]")},
		{"latency-tracking-info-percentiles", "x", failed("latency-tracking-info-percentiles", "Invalid latency-tracking-info-percentiles parameters")},
	} {
		if got := c.do("CONFIG", "SET", row.name, row.value); got != row.want {
			t.Errorf("%s %q: %q, want %q", row.name, row.value, got, row.want)
		}
	}
	for name, want := range map[string]string{"hz": "1", "maxmemory-clients": "5%", "latency-tracking-info-percentiles": "50.5 7 0"} {
		if got := w.srv.Config().String(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

// maxmemory-clients closes the largest client, unless it is spared.
func TestMaxMemoryClients(t *testing.T) {
	w := newWorld(t)
	admin, small, large, spared := w.dial("admin"), w.dial("small"), w.dial("large"), w.dial("spared")
	admin.do("CONFIG", "SET", "maxmemory-clients", "300kb")
	spared.do("CLIENT", "NO-EVICT", "ON")
	half := func(n int) string { return "*2\r\n$3\r\nGET\r\n$400000\r\n" + strings.Repeat("x", n) } // never complete
	for c, n := range map[*conn]int{small: 50_000, large: 150_000, spared: 200_000} {
		c.in = append(c.in, half(n)...)
		c.pump()
	}
	w.advance(time.Second)
	admin.do("PING")
	if small.closed || spared.closed || !large.closed || admin.closed {
		t.Errorf("closed: small %v, large %v, spared %v, admin %v", small.closed, large.closed, spared.closed, admin.closed)
	}
	if got := admin.do("INFO", "stats"); !strings.Contains(got, "evicted_clients:1\r\n") {
		t.Errorf("no evicted client in %q", got)
	}
}
