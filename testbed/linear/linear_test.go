package linear

import (
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// TestCheck: the judge sees what it is for.
func TestCheck(t *testing.T) {
	now := int64(0)
	next := func(kind, value, out string) porcupine.Operation {
		now += 2
		return Record(0, Op{Kind: kind, Value: value}, now-1, out, now)
	}
	for name, row := range map[string]struct {
		ok      bool
		history []porcupine.Operation
	}{
		"in order":                         {true, []porcupine.Operation{next(Set, "a", "OK"), next(Append, "b", "2"), next(Get, "", "ab")}},
		"a stale read":                     {false, []porcupine.Operation{next(Set, "a", "OK"), next(Set, "b", "OK"), next(Get, "", "a")}},
		"an increment that is gone":        {false, []porcupine.Operation{next(Incr, "", "1"), next(Incr, "", "1")}},
		"half a transaction":               {false, []porcupine.Operation{next(Both, "a", "1"), next(Get, "", ""), next(Incr, "", "2")}},
		"half a script":                    {false, []porcupine.Operation{next(Script, "a", "1"), next(Get, "", "a"), next(Incr, "", "1")}},
		"a swap of what had changed":       {false, []porcupine.Operation{next(Set, "a", "OK"), next(Swap, "b", "1")}},
		"a lost write that happened":       {true, []porcupine.Operation{next(Set, "a", Lost), next(Get, "", "a")}},
		"a lost write that happens later":  {false, []porcupine.Operation{next(Set, "a", Lost), next(Get, "", ""), next(Get, "", "a")}},
		"a lost write that did not":        {true, []porcupine.Operation{next(Set, "a", Lost), next(Get, "", "")}},
		"a lost write that was taken back": {false, []porcupine.Operation{next(Set, "a", Lost), next(Get, "", "a"), next(Get, "", "")}},
	} {
		if err := Check(State{}, row.history, time.Minute); (err == nil) != row.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}
