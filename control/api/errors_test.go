package api

import (
	"context"
	"errors"
	"fmt"
	"testing"
)

// A node that does not answer in time is told from a mistake of this program.
func TestAsError(t *testing.T) {
	for _, row := range []struct {
		err  error
		code string
		http int
	}{
		{Errorf(404, CodeNotFound, "none"), CodeNotFound, 404},
		{fmt.Errorf("it fails: %w", Errorf(409, CodeConflict, "busy")), CodeConflict, 409},
		{fmt.Errorf("no answer: %w", context.DeadlineExceeded), CodeUnreachable, 504},
		{errors.New("what"), CodeInternal, 500},
	} {
		if e := AsError(row.err); e.Code != row.code || e.HTTP != row.http || e.Description != row.err.Error() {
			t.Errorf("%v: %d %+v", row.err, e.HTTP, e)
		}
	}
}
