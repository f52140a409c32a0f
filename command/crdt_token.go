package command

import (
	"encoding/base64"
	"encoding/binary"
	"hash/fnv"
	"time"

	"crdb/crdt"
)

// A token is, in URL-safe base64 without padding: a version byte, 4 bytes of
// hash of the database's GUID, and the encoded vector of what the instance that
// made it had applied. A session that takes it along to another region, and has
// it waited for there, reads its own writes and never goes back in time.
const tokenVersion = 1

const (
	msgBadToken     = "ERR invalid token: it is not one that CRDT.TOKEN has made"
	msgForeignToken = "ERR invalid token: it was made by another database"
)

// maxToken bounds the text of a token: a vector of all replicas.
const maxToken = 4 * (5 + 10*crdt.MaxReplicas + 16) / 3

func (srv *Server) tokenHead() []byte {
	h := fnv.New32a()
	h.Write([]byte(srv.opts.GUID))
	return binary.BigEndian.AppendUint32([]byte{tokenVersion}, h.Sum32())
}

// crdtToken covers everything applied here, so all that the client can have
// read or written.
func crdtToken(c *Context) { c.Out.BulkString(c.Server.token()) }

func (srv *Server) token() string {
	return base64.RawURLEncoding.EncodeToString(crdt.AppendVector(srv.tokenHead(), srv.engine.Vector()))
}

// parseToken returns the vector of a token, or the text of an error.
func (srv *Server) parseToken(text []byte) (v crdt.VersionVector, msg string) {
	head := srv.tokenHead()
	if len(text) > maxToken {
		return nil, msgBadToken
	}
	b, err := base64.RawURLEncoding.DecodeString(string(text))
	if err != nil || len(b) < len(head) || b[0] != tokenVersion {
		return nil, msgBadToken
	}
	if string(b[:len(head)]) != string(head) {
		return nil, msgForeignToken
	}
	v, rest, err := crdt.DecodeVector(nil, b[len(head):])
	if err != nil || len(rest) > 0 {
		return nil, msgBadToken
	}
	return v, ""
}

// crdtWait replies 1 once the vector is covered here, 0 after the timeout.
func crdtWait(c *Context) {
	v, msg := c.Server.parseToken(c.Args[1])
	if msg != "" {
		c.Out.Error(msg)
		return
	}
	timeout, ok := c.timeoutMillis(2)
	if !ok {
		return
	}
	c.waitCovered(tokenWait{v}, timeout)
}

func (c *Context) waitCovered(w tokenWait, timeout time.Duration) {
	s := c.S
	if covered := w.covered(s); covered || s.mode&modeExec != 0 {
		s.out.Int(oneIf(covered))
		return
	}
	s.blockOn(w, timeout)
	s.srv.applied.add(s)
	s.conn.Wake() // it may have been covered in between
}

// tokenWait waits until the instance has applied all that a vector covers.
type tokenWait struct{ want crdt.VersionVector }

func (w tokenWait) covered(s *Session) bool { return s.srv.engine.Vector().Descends(w.want) }

func (w tokenWait) ready(s *Session, why wakeup) bool {
	covered := w.covered(s)
	switch {
	case covered:
		s.out.Int(1)
	case why == wakeUnblockErr:
		s.out.Error(msgUnblocked)
	case why == wakeTimeout:
		s.out.Int(0)
	default:
		return false
	}
	return true
}

func (w tokenWait) end(s *Session) { s.srv.applied.remove(s) }

func oneIf(is bool) int64 {
	if is {
		return 1
	}
	return 0
}
