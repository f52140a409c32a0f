package conf

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func check(name, value string) error {
	if name == "maxclients" || name == "requirepass" || name == "client-output-buffer-limit" {
		return nil
	}
	return ErrUnknown
}

func TestPrecedence(t *testing.T) {
	file := write(t, "c.conf", "region file\nadmin-port 1\npeer-port 2\nbind 127.0.0.2\njoin a:1\njoin b:2\n")
	s, _, err := Load(Options{
		File:    file,
		Environ: []string{"CRDB_ADMIN_PORT=11", "CRDB_REGION=env", "CRDB_MAXCLIENTS=5", "OTHER=1"},
		Flags:   []Flag{{"region", []string{"flag"}}},
		Check:   check,
	})
	if err != nil {
		t.Fatal(err)
	}
	got := []any{s.Region, s.AdminPort, s.PeerPort, s.GossipPort, s.Bind, s.Join, s.Redis}
	want := []any{"flag", 11, 2, 7946, "127.0.0.2", []string{"a:1", "b:2"}, []RedisSetting{{"maxclients", "5"}}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// Backups are kept out of the data directory, by their absolute paths.
func TestDataDirectoryIsAbsolute(t *testing.T) {
	s, _, err := Load(Options{Flags: []Flag{{"dir", []string{"data/x"}}}})
	if want, _ := filepath.Abs("data/x"); err != nil || s.Dir != want {
		t.Errorf("dir %q, err %v", s.Dir, err)
	}
}

func TestRepeatedNamesStartAnewInEachSource(t *testing.T) {
	file := write(t, "c.conf", "join a:1\npeer-route x h:1\npeer-route y h:2\n")
	s, _, err := Load(Options{File: file, Flags: []Flag{{"join", []string{"c:3"}}}})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Join) != 1 || s.Join[0] != "c:3" {
		t.Errorf("join = %v", s.Join)
	}
	if len(s.PeerRoutes) != 2 || s.PeerRoutes["y"] != "h:2" {
		t.Errorf("routes = %v", s.PeerRoutes)
	}
}

func TestErrorsSayWhere(t *testing.T) {
	for _, c := range []struct{ file, want string }{
		{"# fine\n\nregion a\nregoin b\n", "c.conf:4: regoin: unknown name"},
		{"admin-port x\n", `c.conf:1: admin-port: "x" is not a number from 0 to 65535`},
		{"admin-port 1 2\n", "c.conf:1: admin-port: wants one value, has 2"},
		{"admin-port\n", "c.conf:1: admin-port: wants one value, has 0"},
		{"bind 1.2.3.4 ::1\n", "c.conf:1: bind: wants one value, has 2"},
		{"bind nonsense\n", "is not an IP address"},
		{"region \"a\n", "c.conf:1: unbalanced quotes"},
		{"region \"a\"b\n", "unbalanced quotes"},
		{"appendfsync no\n", `"no" is none of always, everysec`},
		{"include nowhere.conf\n", "c.conf:1: configuration file"},
		{"include c.conf\n", "includes nest deeper"},
		{"log-retention many\n", "is not a size"},
		{"peer-route eu-west\n", "wants REGION HOST:PORT"},
		{"insecure maybe\n", "neither yes nor no"},
		{"requirepass\n", "c.conf:1: requirepass: wants one value, has 0"},
		{"requirepass my pass\n", "requirepass: wants one value, has 2"},
		{"maxcleints 1 2\n", "maxcleints: unknown name"},
		{"client-output-buffer-limit\n", "client-output-buffer-limit: wants one value, has 0"},
		{"max-clock-drift 1d\n", "is not milliseconds"},
	} {
		_, _, err := Load(Options{File: write(t, "c.conf", c.file), Check: check})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: got %v, want %q", c.file, err, c.want)
		}
	}
	if _, _, err := Load(Options{Environ: []string{"CRDB_ADMIN_PORT=x"}}); err == nil || !strings.Contains(err.Error(), "CRDB_ADMIN_PORT: ") {
		t.Errorf("environment: %v", err)
	}
	if _, _, err := Load(Options{Flags: []Flag{{"port", []string{"x"}}}}); err == nil || !strings.Contains(err.Error(), "--port: ") {
		t.Errorf("flag: %v", err)
	}
}

func TestEnvironmentOfOthersIsLeftAlone(t *testing.T) {
	s, warnings, err := Load(Options{Environ: []string{"CRDB_PORT=tcp://10.0.0.1:6379", "CRDB_SERVICE_HOST=10.0.0.1", "CRDB_GOSSIP_PORT=udp://10.0.0.1:7946"}, Check: check})
	if err != nil || s.Port != 0 || len(warnings) != 3 {
		t.Errorf("port %d, warnings %v, err %v", s.Port, warnings, err)
	}
}

// Some editors put a byte order mark before what they write, in included files as well.
func TestByteOrderMark(t *testing.T) {
	inner := write(t, "inner.conf", "\ufeffregion us-east\n")
	file := write(t, "c.conf", "\ufeff# a node\ninclude "+inner+"\n")
	s, _, err := Load(Options{File: file, Check: check})
	if err != nil || s.Region != "us-east" {
		t.Errorf("%v %+v", err, s)
	}
	if text := rewritten("\ufeffregion a\n", []Line{{Name: "region", Text: "region b"}}); strings.Contains(text, "region a") {
		t.Errorf("rewritten: %q", text)
	}
}

func TestIncludeAndQuotes(t *testing.T) {
	dir := t.TempDir()
	os.WriteFile(filepath.Join(dir, "b.conf"), []byte("requirepass \"a b\\x41\\n\\\"\"\r\nclient-output-buffer-limit normal 0 0 0\n"), 0o600)
	os.WriteFile(filepath.Join(dir, "a.conf"), []byte("Region 'it''s'\n"), 0o600)
	if _, _, err := Load(Options{File: filepath.Join(dir, "a.conf")}); err == nil {
		t.Error("a quote inside a word was accepted")
	}
	os.WriteFile(filepath.Join(dir, "a.conf"), []byte("REGION 'a\\'b'\ninclude b.conf\n"), 0o600)
	s, _, err := Load(Options{File: filepath.Join(dir, "a.conf"), Check: check})
	if err != nil {
		t.Fatal(err)
	}
	if s.Region != "a'b" || !reflect.DeepEqual(s.Redis, []RedisSetting{{"requirepass", "a bA\n\""}, {"client-output-buffer-limit", "normal 0 0 0"}}) {
		t.Errorf("got %q %q", s.Region, s.Redis)
	}
}

func TestValidate(t *testing.T) {
	good := func() *Settings { s := Defaults(); s.Region, s.Dir = "us-east", "/x"; return s }
	if err := good().Validate(); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*Settings){
		"no region":                           func(s *Settings) { s.Region = "" },
		"no data directory":                   func(s *Settings) { s.Dir = "" },
		"needs --port":                        func(s *Settings) { s.Database = "a" },
		"join needs a gossip port":            func(s *Settings) { s.GossipPort, s.Join = 0, []string{"a:1"} },
		"needs --database":                    func(s *Settings) { s.Port = 1 },
		"admin-port and peer-port are both 5": func(s *Settings) { s.AdminPort, s.PeerPort = 5, 5 },
		`region "a b"`:                        func(s *Settings) { s.Region = "a b" },
	} {
		s := good()
		change(s)
		if err := s.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func FuzzSplit(f *testing.F) {
	f.Add(`a "b\x41" 'c'`)
	f.Fuzz(func(t *testing.T, line string) { split(line) })
}
