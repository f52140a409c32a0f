package engine

import "testing"

// What was noted under one kind of policy is read as such under the other.
func TestUsageAcrossPolicies(t *testing.T) {
	const now = 1_700_000_000_000
	u := &Usage{Frequency: true, LogFactor: 10, DecayTime: 1}
	counted := minuteOf(now)<<8 | 7
	if got := idle(counted, now+10*60_000); got != 600 {
		t.Errorf("a key last counted ten minutes ago is idle for %d seconds", got)
	}
	timed := uint32(now / 1000)
	if got := idle(timed, now+5000); got != 5 {
		t.Errorf("idle for %d seconds, not 5", got)
	}
	if got := u.decayed(timed, now); got != freshUse {
		t.Errorf("a key whose uses were not counted has %d, not %d", got, freshUse)
	}
	if got := u.decayed(timed, now+3*60_000); got != freshUse-3 {
		t.Errorf("after three minutes it has %d", got)
	}
	if got := u.decayed(counted, now); got != 7 {
		t.Errorf("a key counted 7 has %d", got)
	}
}
