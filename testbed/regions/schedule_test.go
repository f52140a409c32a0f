package regions

import (
	"reflect"
	"slices"
	"testing"
)

// TestScheduleText: what a report prints can be put into a file.
func TestScheduleText(t *testing.T) {
	for seed := range uint64(20) {
		s := newSchedule(seed, scheduleLength)
		back, err := parseSchedule("# a comment\n\n" + s.String())
		if err != nil || back.String() != s.String() {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if again := newSchedule(seed, scheduleLength); !reflect.DeepEqual(again, s) {
			t.Fatalf("seed %d makes two schedules", seed)
		}
	}
	for _, bad := range []string{"explode a", `a: SET "k`, "sleep long"} {
		if _, err := parseSchedule(bad); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

// TestShrink: what is left is what it takes to fail.
func TestShrink(t *testing.T) {
	s := newSchedule(1, 100)
	first, last := s[20].String(), s[80].String()
	has := func(s schedule, line string) bool {
		return slices.ContainsFunc(s, func(st step) bool { return st.String() == line })
	}
	got := shrink(s, func(s schedule) bool { return has(s, first) && has(s, last) })
	if len(got) != 2 || got[0].String() != first || got[1].String() != last {
		t.Errorf("left are %d steps:\n%s", len(got), got)
	}
}

func TestVectors(t *testing.T) {
	for _, c := range []struct {
		v, w vector
		want bool
	}{
		{vector{}, vector{}, true},
		{vector{"1": {5, 1}}, vector{"1": {5, 0}}, true},
		{vector{"1": {5, 1}}, vector{"1": {5, 2}}, false},
		{vector{"1": {5, 1}}, vector{"1": {4, 9}, "2": {1, 0}}, false},
		{vector{"1": parseStamp("10.0")}, vector{"1": parseStamp("9.65535")}, true},
	} {
		if got := c.v.covers(c.w); got != c.want {
			t.Errorf("%v covers %v: %v", c.v, c.w, got)
		}
	}
}
