package resp

// ProtocolError says that a client broke the protocol. The text is redis's
// own, without the "ERR " in front. The stream cannot be read any further:
// reply with the error, then close.
type ProtocolError struct{ Text string }

// Error returns the text, such as "Protocol error: invalid bulk length".
func (e *ProtocolError) Error() string { return e.Text }

// The protocol errors without parameters. They are made once: a hostile
// client must not cost an allocation per error.
var (
	errMultibulkLen   = &ProtocolError{"Protocol error: invalid multibulk length"}
	errMultibulkAuth  = &ProtocolError{"Protocol error: unauthenticated multibulk length"}
	errMultibulkCount = &ProtocolError{"Protocol error: too big mbulk count string"}
	errBulkLen        = &ProtocolError{"Protocol error: invalid bulk length"}
	errBulkAuth       = &ProtocolError{"Protocol error: unauthenticated bulk length"}
	errBulkCount      = &ProtocolError{"Protocol error: too big bulk count string"}
	errInline         = &ProtocolError{"Protocol error: too big inline request"}
	errQuotes         = &ProtocolError{"Protocol error: unbalanced quotes in request"}

	// errQuery has no counterpart: redis closes without a word.
	errQuery = &ProtocolError{"Protocol error: too big query"}
)

// errExpectedDollar is what redis says when an argument does not start with
// a dollar sign.
func errExpectedDollar(got byte) *ProtocolError {
	return &ProtocolError{"Protocol error: expected '$', got '" + string([]byte{got}) + "'"}
}
