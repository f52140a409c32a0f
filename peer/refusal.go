package peer

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"crdb/oplog"
	"crdb/proto/peerpb"
)

// Refusal is why two instances do not replicate. It goes over the wire as the
// detail of a status.
type Refusal struct {
	Reason Reason
	Text   string
	byPeer bool // it came over the wire
}

// Reason names a kind of refusal.
type Reason = peerpb.Refusal_Reason

func (r *Refusal) Error() string { return r.Text }

func refuse(reason Reason, format string, args ...any) error {
	return &Refusal{Reason: reason, Text: fmt.Sprintf(format, args...)}
}

// toStatus turns an error into what gRPC sends.
func toStatus(err error) error {
	if err == nil {
		return nil
	}
	var r *Refusal
	if errors.As(err, &r) {
		st, detailErr := status.New(codes.FailedPrecondition, r.Text).WithDetails(&peerpb.Refusal{Reason: r.Reason})
		if detailErr == nil {
			return st.Err()
		}
	}
	if errors.Is(err, context.Canceled) {
		return status.Error(codes.Canceled, err.Error())
	}
	return status.Error(codes.Unknown, err.Error())
}

// fromStatus gives the Refusal back, if err is one.
func fromStatus(err error) error {
	st, ok := status.FromError(err)
	if !ok || st.Code() != codes.FailedPrecondition {
		return err
	}
	for _, d := range st.Details() {
		if r, ok := d.(*peerpb.Refusal); ok {
			return &Refusal{r.Reason, "the peer refused: " + st.Message(), true}
		}
	}
	return err
}

// causeOf returns why ctx has ended, if it has; else err.
func causeOf(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// tooOld reports whether a peer no longer keeps the log that is missing here.
func tooOld(err error) bool {
	var r *Refusal
	return errors.As(err, &r) && r.byPeer && r.Reason == peerpb.Refusal_TRUNCATED
}

// needsPerson reports whether trying again soon cannot help: the link stops
// with an alarm, and tries again at long intervals only (P1).
func needsPerson(err error) bool {
	if isFault(err) {
		return true
	}
	var r *Refusal
	if errors.As(err, &r) {
		switch r.Reason {
		case peerpb.Refusal_PROTOCOL, peerpb.Refusal_FORMAT, peerpb.Refusal_REGION, peerpb.Refusal_ADDRESSEE,
			peerpb.Refusal_REWOUND, peerpb.Refusal_FORKED, peerpb.Refusal_TRUNCATED, peerpb.Refusal_CLONED,
			peerpb.Refusal_LARGE:
			return true
		}
		return false
	}
	// A message above the limit of its receiver.
	return status.Code(err) == codes.ResourceExhausted
}

// otherBuild reports whether two builds do not understand each other.
func otherBuild(err error) bool {
	var r *Refusal
	return errors.As(err, &r) && (r.Reason == peerpb.Refusal_PROTOCOL || r.Reason == peerpb.Refusal_FORMAT)
}

// isFault reports whether a peer said what no peer says.
func isFault(err error) bool {
	for _, e := range faults {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// faults are errors of a peer that trying again does not mend.
var faults = []error{
	errPiece, errFrame, errVector, errGap, errFork, errOwnBlock, errLostLog, errOrigin, errStranger, errExcess, errPoisoned,
	oplog.ErrCorrupt, oplog.ErrFormat,
}

var (
	errStranger = errors.New("somebody else answers for the peer")
	errExcess   = errors.New("more blocks came than were asked for")
	errOrigin   = errors.New("the block is of another replica than asked for")
	errVector   = errors.New("malformed version vector")
	errPoisoned = errors.New("a block could not be applied")
)
