package stdout

import (
	"errors"
	"fmt"
	"io"
)

// ErrUnwritten is the failure of a command that has done all but say so.
var ErrUnwritten = errors.New("the output cannot be written")

// A Writer passes on what is written to it and keeps the first failure. One
// goroutine uses it at a time.
type Writer struct {
	to  io.Writer
	err error
}

// New returns a Writer to another, which it does not close.
func New(to io.Writer) *Writer { return &Writer{to: to} }

// Write passes p on. After a failure it writes nothing more and returns it again.
func (w *Writer) Write(p []byte) (n int, err error) {
	if w.err != nil {
		return 0, w.err
	}
	n, w.err = w.to.Write(p)
	return n, w.err
}

// Ended returns err, what a command ended with. If that is nil or the failure of a
// write, it is ErrUnwritten and that failure.
func (w *Writer) Ended(err error) error {
	if w.err != nil && (err == nil || errors.Is(err, w.err)) {
		return fmt.Errorf("%w: %w", ErrUnwritten, w.err)
	}
	return err
}
