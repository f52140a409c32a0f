package scenario

import (
	"testing"
	"time"
)

var epoch = time.Unix(1_000_000, 0)

func at(region string, ms int, f fate) write {
	start := epoch.Add(time.Duration(ms) * time.Millisecond)
	return write{region: region, start: start, end: start.Add(time.Millisecond), fate: f}
}

func TestModelJudgesCounters(t *testing.T) {
	m := NewModel()
	m.Add("c", "", at("a", 0, sure), 100)
	m.Add("c", "", at("b", 1, sure), 7)
	m.Add("c", "", at("a", 2, unknown), 1000)
	m.Add("c", "", at("a", 3, never), 5)
	m.Add("c", "", at("a", 10, sure), 20_000)
	m.Add("c", "", at("a", 11, sure), 400_000)
	c := m.counters[place{"c", ""}]
	judge(t, "before a crash", c.check, map[int64]bool{
		420_107: true, 421_107: true, 20_107: false, 420_100: false, 421_112: false, 0: false,
	})
	m.Forgive("a", epoch.Add(5*time.Millisecond), epoch.Add(15*time.Millisecond))
	judge(t, "after a crash of a", c.check, map[int64]bool{
		420_107: true, 20_107: true, 107: true, 1107: true,
		400_107: false, // the later one of the two without the earlier one
		420_007: false, // an increment from before the forgiven time is missing
	})
	m.Add("c", "", at("a", 14, sure), 5_000_000) // its writer tells of it only now
	m.Add("c", "", at("a", 16, sure), 60_000_000)
	judge(t, "told late", c.check, map[int64]bool{
		65_420_107: true, 60_420_107: true, 5_420_107: false, 65_000_107: false,
	})
}

// Each of two crashes may take the last writes before it.
func TestModelJudgesCountersOverTwoCrashes(t *testing.T) {
	m := NewModel()
	m.Add("c", "", at("a", 0, sure), 1)
	m.Add("c", "", at("a", 2, sure), 20)
	m.Forgive("a", epoch, epoch.Add(5*time.Millisecond))
	m.Add("c", "", at("a", 10, sure), 300)
	m.Add("c", "", at("a", 12, sure), 4000)
	m.Forgive("a", epoch, epoch.Add(15*time.Millisecond))
	judge(t, "after two crashes", m.counters[place{"c", ""}].check, map[int64]bool{
		4321: true, 321: true, 301: true, 4301: true, 0: true, 4000: false, 4020: false,
	})
}

// Three regions that die at once may each forget the last hundreds.
func TestModelJudgesCountersOfAllRegionsKilled(t *testing.T) {
	m := NewModel()
	for i := range 300 {
		m.Add("c", "", at("a", i, sure), 1)
		m.Add("c", "", at("b", i, sure), 1000)
		m.Add("c", "", at("c", i, sure), 1_000_000)
	}
	for _, region := range []string{"a", "b", "c"} {
		m.Forgive(region, epoch, epoch.Add(time.Second))
	}
	judge(t, "all killed", m.counters[place{"c", ""}].check, map[int64]bool{
		300_300_300: true, 0: true, 17_299_001: true, 301: false, 300_301_000: false,
	})
}

func TestModelJudgesElements(t *testing.T) {
	for _, row := range []struct {
		name            string
		element         element
		present, absent bool
	}{
		{"added", element{added: at("a", 0, sure)}, true, false},
		{"added perhaps", element{added: at("a", 0, unknown)}, true, true},
		{"forgotten perhaps", element{added: at("a", 0, lossy)}, true, true},
		{"never added", element{}, false, true},
		{"removed", element{added: at("a", 0, sure), removed: []write{at("b", 1, sure)}}, false, true},
		{"removed perhaps", element{added: at("a", 0, sure), removed: []write{at("b", 1, unknown)}}, true, true},
	} {
		judge(t, row.name, row.element.check, map[bool]bool{true: row.present, false: row.absent})
	}
}

func TestModelJudgesStrings(t *testing.T) {
	old, last := &stringWrite{at("a", 0, sure), "old"}, &stringWrite{at("a", 100, sure), "last"}
	near := &stringWrite{at("b", 102, sure), "near"}
	lost := &stringWrite{at("b", 200, unknown), "lost"}
	writes := []*stringWrite{old, last, near, lost}
	shown := func(v string) error { return checkString(writes, v, v != "", 0) }
	judge(t, "strings", shown, map[string]bool{
		"old": false, "last": true, "near": true, "lost": true, "alien": false, "": false,
	})
}

// judge checks that a check accepts exactly the values marked true.
func judge[V comparable](t *testing.T, name string, check func(V) error, want map[V]bool) {
	t.Helper()
	for v, ok := range want {
		if err := check(v); (err == nil) != ok {
			t.Errorf("%s: value %v: want accepted=%v, got error %v", name, v, ok, err)
		}
	}
}
