package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

// Error is a failed call: an HTTP status, a code for programs, a sentence for
// people.
type Error struct {
	HTTP        int    `json:"-"`
	Code        string `json:"error_code"`
	Description string `json:"description"`
}

// Error returns the sentence.
func (e *Error) Error() string { return e.Description }

// Error codes.
const (
	CodeBadRequest  = "invalid_request"
	CodeNotFound    = "not_found"
	CodeDBNotFound  = "db_not_found"
	CodeConflict    = "conflict"
	CodeNameInUse   = "name_violation"
	CodePortInUse   = "port_unavailable"
	CodeNotReady    = "not_ready"
	CodeUnreachable = "cluster_unreachable"
	CodeVersion     = "version_mismatch"
	CodeClock       = "clock_offset"
	CodeCancelled   = "cancelled"
	CodeInterrupted = "interrupted" // the node stopped meanwhile
	CodeTooLarge    = "body_too_large"
	CodeLimit       = "limit_reached"
	CodeInternal    = "internal_error"
	CodeMethod      = "method_not_allowed"
	CodeRefused     = "writes_refused" // by the log: its disk or its clock
	CodeRemoved     = "instance_removed"
	CodeLostLog     = "log_lost"
	CodeCloned      = "instance_cloned"
	CodeDamaged     = "backup_damaged"
	CodeUnavailable = "bdb_unavailable"
	CodeUnopened    = "not_opened" // its data cannot be opened at this node
	CodeUnserved    = "not_served" // its port cannot be had
)

// Errorf makes an Error.
func Errorf(status int, code, format string, args ...any) *Error {
	return &Error{HTTP: status, Code: code, Description: fmt.Sprintf(format, args...)}
}

// AsError turns any error into an Error, an unknown one into an internal one.
func AsError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		if e.Description == err.Error() {
			return e
		}
		return &Error{HTTP: e.HTTP, Code: e.Code, Description: err.Error()}
	}
	if errors.Is(err, context.DeadlineExceeded) { // of a call to another node
		return &Error{HTTP: http.StatusGatewayTimeout, Code: CodeUnreachable, Description: err.Error()}
	}
	return &Error{HTTP: http.StatusInternalServerError, Code: CodeInternal, Description: err.Error()}
}

// IsCode reports whether err is an Error with that code.
func IsCode(err error, code string) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == code
}
