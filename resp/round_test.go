package resp

import (
	"io"
	"net"
	"testing"
)

// TestRound: of clients that are ready at the same time each gets its own replies,
// whatever becomes of the others in that round of their loop.
func TestRound(t *testing.T) {
	onAll(t, nil, func(t *testing.T, b *bench) {
		for range 20 {
			ends := map[string]string{"": "", "QUIT\r\n": "+OK\r\n", "KILLME\r\n": "", "PANIC\r\n": "", "PAUSE\r\n": "+RESUMED\r\n", "ECHO": ""}
			type client struct {
				nc   net.Conn
				s    *toy
				more string
			}
			var all []client
			for more := range ends {
				nc, s := b.dial()
				all = append(all, client{nc, s, more})
			}
			for _, c := range all {
				if _, err := io.WriteString(c.nc, "PING\r\nPING\r\n"+c.more); err != nil {
					t.Fatal(err)
				}
			}
			for _, c := range all {
				switch c.more {
				case "KILLME\r\n", "PANIC\r\n":
					<-c.s.closed
					continue
				case "PAUSE\r\n":
					say(t, c.nc, "", "+PONG\r\n+PONG\r\n")
					c.s.conn.Wake()
					say(t, c.nc, "", ends[c.more])
				case "ECHO": // cut off
					say(t, c.nc, "", "+PONG\r\n+PONG\r\n")
					say(t, c.nc, " on\r\n", "$2\r\non\r\n")
				default:
					say(t, c.nc, "", "+PONG\r\n+PONG\r\n"+ends[c.more])
				}
				if c.more == "QUIT\r\n" {
					sayClosed(t, c.nc)
				}
				c.nc.Close()
			}
		}
	})
}
