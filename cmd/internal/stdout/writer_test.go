package stdout

import (
	"errors"
	"fmt"
	"testing"
)

// full takes so many writes.
type full struct{ left int }

var errFull = errors.New("no space left")

func (f *full) Write(p []byte) (int, error) {
	if f.left--; f.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestTheFirstFailureIsKept(t *testing.T) {
	w := New(&full{left: 1})
	fmt.Fprintln(w, "one")
	if err := w.Ended(nil); err != nil {
		t.Errorf("after a write that was taken: %v", err)
	}
	fmt.Fprintln(w, "two")
	fmt.Fprintln(w, "three")
	if err := w.Ended(nil); !errors.Is(err, ErrUnwritten) || !errors.Is(err, errFull) {
		t.Errorf("after one that was not: %v", err)
	}
	other := errors.New("the command's own")
	if err := w.Ended(other); err != other {
		t.Errorf("a command that failed ended with %v", err)
	}
}
