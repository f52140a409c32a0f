package resp

import "time"

// Conn is what a transport gives to a Session. All methods may be called from
// any goroutine and never block. They take no lock that is held while a
// Session method runs, so a Session may call them on any Conn.
type Conn interface {
	// ID is unique among the connections of a Server (see
	// ServerOptions.NextID) and grows.
	ID() uint64
	// RemoteAddr is "host:port", or the socket's path and ":0".
	RemoteAddr() string
	// LocalAddr is where the client connected to, in the same form.
	LocalAddr() string
	// Wake asks for a call of Session.Wake soon. Wakes that come before that
	// call are one.
	Wake()
	// Kill closes the connection soon, without sending what is pending.
	Kill()
}

// TimeControl is implemented by every Conn that a Server makes. Same rules as
// for Conn. Times are kept in ticks of a second: never early, up to one
// second late.
type TimeControl interface {
	// KeepIdle exempts the connection from the idle timeout, such as a
	// subscriber. A paused connection is exempt anyway.
	KeepIdle(keep bool)
	// CloseAfter kills the connection when d has passed, such as the time to
	// authenticate. Zero or less takes the last call back.
	CloseAfter(d time.Duration)
}

// Session is one client's side of the protocol without any I/O. The transport
// calls all methods on the connection's goroutine or loop, never two at once.
type Session interface {
	// Input consumes commands from data and returns how many bytes it took.
	// It may stop early (when it pauses, or has much to send); the transport
	// keeps the rest and hands it in again, with more behind it if more came.
	// As long as a call takes something, another follows after the output was
	// sent. data is valid only during the call.
	Input(data []byte) (used int)
	// Wake is called because of Conn.Wake.
	Wake()
	// Output returns bytes to send now. It may be empty while replies are
	// held back. The bytes must stay as they are until the next call of any
	// method.
	Output() []byte
	// Sent says that the first n bytes of Output are on their way and must
	// not be returned again.
	Sent(n int)
	// Paused reports that no Input is wanted until a Wake changes it. The
	// transport goes on reading up to ServerOptions.PausedInput bytes.
	Paused() bool
	// Done asks to close once Output is empty. It must be false while replies
	// are held back. No Input follows.
	Done() bool
	// Closed says that the connection is gone. It is the last call.
	Closed()
}

// OutputLimit bounds what waits because a client does not read. Zero fields
// do not limit.
type OutputLimit struct {
	Hard    int           // more pending bytes than this close the connection
	Soft    int           // so do more than this ...
	SoftFor time.Duration // ... for longer than this
}
