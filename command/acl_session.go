package command

import "crdb/resp"

// identity is who a session is. proven says that it has authenticated, or
// needed not to when it began. version is the aclUsers' when rights were read.
type identity struct {
	user    *user
	rights  *rights
	version uint64
	proven  bool
}

// become makes the session one of the user's.
func (s *Session) become(u *user) {
	s.who.user = u
	s.who.proven = true
	s.takeRights()
	s.info.change(func(st *clientState) { st.user = u.name })
	if t, ok := s.conn.(resp.TimeControl); ok {
		t.CloseAfter(0)
	}
}

// becomeDefault puts the session where a new one begins.
func (s *Session) becomeDefault() {
	u := s.srv.acl.standard
	s.who.user = u
	s.who.proven = u.rights.Load().open()
	s.takeRights()
	s.info.change(func(st *clientState) { st.user = u.name })
}

// followRights notices changed users. It is called once per batch. Sessions that
// listen to what their user no longer may close. As in Redis that is when the user
// has lost a channel: who has become another user goes on listening.
func (s *Session) followRights() {
	if s.who.version == s.srv.acl.version.Load() {
		return
	}
	before := s.who.rights
	s.takeRights()
	if now := s.who.rights; s.subs != nil && now.lostChannels(before) && !now.mayListen(s.subs) {
		s.endRevoked()
	}
}

// endRevoked closes a session that has lost its rights. What has been published since
// then may wait for it already: it hears nothing of that.
func (s *Session) endRevoked() {
	s.done = true
	s.inbox.close()
}

// takeRights reads the user's rights. Sessions of a deleted user close.
func (s *Session) takeRights() {
	acl := &s.srv.acl
	s.who.version = acl.version.Load()
	u := s.who.user
	r := u.rights.Load()
	if u.deleted.Load() {
		r = newRights(acl.words, false)
		s.endRevoked()
	}
	s.who.rights = r
	s.mode &^= modeNoAuth | modeLimited
	if !s.who.proven && !acl.standard.rights.Load().open() {
		s.mode |= modeNoAuth
	}
	if !r.unlimited() {
		s.mode |= modeLimited
	}
	s.boundOutput()
}

// permit judges a command of a session whose user may not do everything, and
// logs what is refused.
func (s *Session) permit(cmd *Command, args [][]byte, context string) denial {
	d := s.who.rights.check(cmd, args, &s.refs)
	if d.why != notDenied {
		s.denied(cmd, args, d, context)
	}
	return d
}

// permitted is permit with the refusal written.
func (s *Session) permitted(cmd *Command, args [][]byte) bool {
	d := s.permit(cmd, args, s.aclContext())
	if d.why == notDenied {
		return true
	}
	s.reject(cmd, d.text(cmd))
	return false
}

// denied counts and logs a refusal.
func (s *Session) denied(cmd *Command, args [][]byte, d denial, context string) {
	object := cmd.Name
	switch d.why {
	case deniedKey, deniedChannel:
		object = string(args[d.at])
	}
	if context != inScript { // there it is the script that the client runs
		s.ctx.Cmd = cmd
	}
	s.logDenial(d.why, context, object, s.who.user.name)
}

// Contexts of ACL LOG.
const (
	atTop    = "toplevel"
	inMulti  = "multi"
	inScript = "lua"
)

func (s *Session) aclContext() string {
	if s.mode&(modeMulti|modeExec) != 0 {
		return inMulti
	}
	return atTop
}
