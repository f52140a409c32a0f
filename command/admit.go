package command

import (
	"errors"
	"strings"

	"crdb/oplog"
)

// admission is the answer to whether a command may write now.
type admission uint8

const (
	admitted admission = iota
	refused            // an error is replied
	later              // the log is behind: ask again when it has caught up
)

// admit asks the log and the memory limit whether a command may write now. A log
// that is behind comes first: what is evicted is written to it as well, and a
// write that waits must not be told that there is no memory. One that takes no writes
// comes last, as in Redis.
func (s *Session) admit(cmd *Command) admission {
	var err error
	if cmd.Flags&Write != 0 {
		if err = s.srv.log.Admit(s.now); err != nil && errors.Is(err, oplog.ErrBacklog) {
			return later
		}
	}
	fits := s.fits()
	if s.set.maxMemory > 0 && s.mode&modeExec == 0 && s.inbox.waiting.Load() {
		s.takeInbox() // what was evicted is told of before the reply
	}
	switch {
	case !fits && cmd.Flags&DenyOOM != 0:
		s.reject(cmd, msgOutOfMemory)
		return refused
	case err != nil:
		s.reject(cmd, noWrites(err))
		return refused
	}
	return admitted
}

// refuses rejects a write where the log takes none, and reports whether it did.
func (s *Session) refuses(cmd *Command) bool {
	err := s.srv.refusal(s.now)
	if err != nil {
		s.reject(cmd, noWrites(err))
	}
	return err != nil
}

// fits reports whether the data fits the memory there is, evicting if need be.
func (s *Session) fits() bool { return s.set.maxMemory <= 0 || s.makeRoom() }

// noWrites is the reply to a write that the log does not admit. A database
// that left the others answers as a read-only replica does: clients know that
// they must write elsewhere.
func noWrites(err error) string {
	if errors.Is(err, oplog.ErrForbidden) {
		return msgReadOnly + strings.TrimPrefix(err.Error(), oplog.ErrForbidden.Error()+": ")
	}
	return msgNoWrites + err.Error()
}

// logTakesWrites asks the log once more, under the locks of a write: whoever forbids writes
// takes all locks once, and who has them later must not write. False: it refuses, and
// the client has been told.
func (s *Session) logTakesWrites() bool {
	err := s.srv.refusal(s.now)
	if err != nil {
		s.out.Error(noWrites(err))
	}
	return err == nil
}

// refusal is why the log takes no writes, not even those that were admitted before.
func (srv *Server) refusal(now int64) error { return oplog.Refusal(srv.log.Admit(now)) }
