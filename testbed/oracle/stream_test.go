package oracle

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestStreamText(t *testing.T) {
	want := Stream{Batch: 1, Steps: []Step{
		{Args: []string{"SET", "a b", ""}},
		{Conn: 1, Args: []string{"GET", "\x00\xff\r\n\"\\", "#"}},
		{Args: []string{"PING"}},
	}}
	got, err := parseStream("# why\n\n" + want.String())
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s", got)
	}
	for seed := range uint64(50) {
		want := newGenerator(seed).stream(50)
		got, err := parseStream(want.String())
		if err != nil || !reflect.DeepEqual(got.Steps, want.Steps) {
			t.Fatalf("seed %d does not survive printing: %v\n%s", seed, err, want)
		}
	}
	for _, bad := range []string{`"open`, `"\xzz"`} {
		if _, err := parseStream(bad); err == nil {
			t.Errorf("parseStream takes %q", bad)
		}
	}
}

// TestForms: every form can be read, and every command occurs.
func TestForms(t *testing.T) {
	seen := make(map[string]bool)
	for seed := range uint64(200) {
		for _, st := range newGenerator(seed).stream(100).Steps {
			seen[strings.ToUpper(st.Args[0])] = true
		}
	}
	for _, lines := range commandForms {
		for _, line := range lines {
			if name, _, _ := strings.Cut(line, " "); !seen[name] {
				t.Errorf("%s does not occur", name)
			}
		}
	}
}

func TestFormGrammar(t *testing.T) {
	pools := map[string]form{"k": oneOf("key")}
	for line, ok := range map[string]func([]string) bool{
		"A <k>":       func(got []string) bool { return slices.Equal(got, []string{"A", "key"}) },
		"(A|B <k>)":   func(got []string) bool { return len(got) == 1 || got[1] == "key" },
		"[A]":         func(got []string) bool { return len(got) <= 1 },
		"(<k> X)+":    func(got []string) bool { return len(got) > 0 && len(got)%2 == 0 },
		"A (B|C [D])": func(got []string) bool { return len(got) >= 2 && len(got) <= 3 },
		"A <k>*":      func(got []string) bool { return len(got) >= 1 && len(got) <= maxRepeat },
	} {
		for seed := range uint64(20) {
			got := parseForm(line, pools)(rand.New(rand.NewPCG(seed, 0)), nil)
			if !ok(got) {
				t.Errorf("%s gives %q", line, got)
			}
		}
	}
}

// TestShrink: of a long stream only what fails is left.
func TestShrink(t *testing.T) {
	long := newGenerator(1).stream(200)
	long.Steps[77] = Step{Args: []string{"SET", "guilty", "x", "y"}}
	long.Steps[150] = Step{Args: []string{"GET", "guilty"}}
	short := shrink(long, func(s Stream) bool {
		set := false
		for _, st := range s.Steps {
			if len(st.Args) < 2 || st.Args[1] != "guilty" {
				continue
			}
			if st.Args[0] == "GET" && set {
				return true
			}
			set = st.Args[0] == "SET"
		}
		return false
	})
	if got := short.String(); got != "SET guilty\nGET guilty\n" {
		t.Errorf("left:\n%s", got)
	}
}

func TestSame(t *testing.T) {
	bulk := func(s string) Reply { return Reply{Head: "$1", Body: s} }
	list := func(head string, items ...Reply) Reply { return Reply{Head: head, Items: items} }
	a, b := bulk("a"), bulk("b")
	for _, tc := range []struct {
		args string
		x, y Reply
		want bool
	}{
		{"GET k", a, a, true},
		{"GET k", a, b, false},
		{"GET k", Reply{Head: "$-1"}, Reply{Head: "_"}, false},
		{"MGET k", list("*2", a, b), list("*2", b, a), false},
		{"SMEMBERS k", list("*2", a, b), list("*2", b, a), true},
		{"SMEMBERS k", list("*2", a, b), list("~2", b, a), false},
		{"SMEMBERS k", list("*2", a, b), list("*2", b, b), false},
		{"HGETALL k", list("*4", a, b, b, a), list("*4", b, a, a, b), true},
		{"HGETALL k", list("*4", a, b, b, a), list("*4", a, a, b, b), false},
		{"TTL k", Reply{Head: ":100"}, Reply{Head: ":99"}, true},
		{"TTL k", Reply{Head: ":-1"}, Reply{Head: ":-2"}, false},
		{"TTL k", Reply{Head: ":100"}, Reply{Head: ":90"}, false},
		{"SPOP k", a, b, true},
		{"SPOP k", a, Reply{Head: "$-1"}, false},
		{"SPOP k", Reply{Head: "-ERR x"}, Reply{Head: "-ERR y"}, false},
	} {
		args := strings.Fields(tc.args)
		if got := same(ruleOf(args), args, tc.x, tc.y); got != tc.want {
			t.Errorf("%s: %s, %s: %v", tc.args, tc.x, tc.y, got)
		}
	}
}
