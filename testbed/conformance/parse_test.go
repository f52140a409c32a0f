package conformance

import (
	"testing"

	"github.com/redis/go-redis/v9"
)

func TestEveryCaseIsReadOnce(t *testing.T) {
	cases, err := Cases()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, c := range cases {
		if seen[c.ID] {
			t.Errorf("case %s stands there twice", c.ID)
		}
		seen[c.ID] = true
	}
	used := map[string]bool{}
	for id := range seen {
		used[comesLater(id)] = true
	}
	for _, row := range later {
		if !used[row.why] {
			t.Errorf("no case begins with %q any more", row.prefix)
		}
	}
}

func TestStepsThatMakeNoSenseAreRefused(t *testing.T) {
	for _, text := range []string{"", "t1", "D: GET k", "sync(A;B)", "expect", "wait long", "restart D", "watch C: GET k"} {
		if s, err := parseStep(text); err == nil {
			t.Errorf("%q was read as %+v", text, s)
		}
	}
}

func TestReplies(t *testing.T) {
	list := []any{"b", "a"}
	hash := map[any]any{"g": "2", "f": "1"}
	for _, row := range []struct {
		want  string
		reply any
		err   error
		ok    bool
	}{
		{"", "anything", nil, true},
		{"", nil, redis.Nil, true},
		{"b", "b", nil, true},
		{"b", "a", nil, false},
		{"1", int64(1), nil, true},
		{"1", int64(2), nil, false},
		{"1 or 2", int64(2), nil, true},
		{"nil", nil, redis.Nil, true},
		{"nil", "", nil, false},
		{"error", nil, redis.Nil, false},
		{"error", nil, redis.ErrClosed, true},
		{"b", nil, redis.ErrClosed, false},
		{"[b,a]", list, nil, true},
		{"[a,b]", list, nil, false},
		{"{a, b}", list, nil, true},
		{"{a}", list, nil, false},
		{"{}", []any{}, nil, true},
		{"{}", list, nil, false},
		{"{f:1, g:2}", hash, nil, true},
		{"{f:1}", hash, nil, false},
		{"~50", int64(48), nil, true},
		{"~50", int64(51), nil, false},
		{"~50", int64(10), nil, false},
	} {
		if matches(row.want, row.reply, row.err) != row.ok {
			t.Errorf("reply %v, %v against %q: want %v", row.reply, row.err, row.want, row.ok)
		}
	}
}
