package command

import (
	"slices"
	"testing"
)

func TestConfigLines(t *testing.T) {
	c := NewConfig()
	for _, l := range c.Lines() {
		if l.Always {
			t.Errorf("%q is the default", l.Text)
		}
	}
	for _, s := range []Setting{
		{"maxmemory", "3gb"}, {"maxmemory-clients", "5%"}, {"notify-keyspace-events", "KEA"}, {"requirepass", "a \"b\n"},
		{"lua-time-limit", "7"}, {"client-output-buffer-limit", "slave 1024 1025 3"}, {"port", "7000"}, {"hz", "10"}, {"appendfsync", "always"},
	} {
		if err := c.Set(s.Name, s.Value); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, l := range c.Lines() {
		if l.Always {
			got = append(got, l.Text)
		}
	}
	want := []string{"maxmemory 3gb", "maxmemory-clients 5%", "client-output-buffer-limit replica 1kb 1025 3", "appendfsync always",
		`requirepass "a \"b\n"`, `notify-keyspace-events "AKE"`, "busy-reply-threshold 7"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	c.Set("appendfsync", "no") // means everysec, and a start reads only that
	if i := slices.IndexFunc(c.Lines(), func(l ConfigLine) bool { return l.Name == "appendfsync" }); c.Lines()[i].Text != "appendfsync everysec" {
		t.Errorf("written of appendfsync no: %q", c.Lines()[i].Text)
	}
	c.Set("requirepass", "")
	if i := slices.IndexFunc(c.Lines(), func(l ConfigLine) bool { return l.Name == "requirepass" }); c.Lines()[i].Text != "" {
		t.Error("an empty password is written")
	}
}
