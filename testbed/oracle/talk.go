package oracle

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A talk is a stream over several connections that hear of each other: they
// subscribe, publish, wait for keys and are woken, leave and come back. After
// each step every connection that does not wait is asked for a sign, so that
// what has come to it by then is known, and the two servers are compared
// connection by connection.

const (
	// talkers is how many connections take part.
	talkers = 4
	// talkTimeout is how long a sign may take: far more than a server needs.
	talkTimeout = 10 * time.Second
	// lookPause is between two looks at whether a client waits.
	lookPause = 200 * time.Microsecond
)

// idOf stands in a step for the number of a connection, which the two servers
// do not have in common.
func idOf(conn int) string { return "id:" + strconv.Itoa(conn+1) }

// talker is one connection of a talk to one server.
type talker struct {
	*client
	id     string
	proto  int
	multi  bool
	waits  bool       // in a blocking command
	queued [][]string // in MULTI; what it waits in
}

// told is what came to a connection in one step.
type told struct {
	pushes  []Reply
	replies []Reply
	gone    bool // the connection was closed, and is a new one now
}

// side is one server of a talk.
type side struct {
	name, addr string
	proto      int
	all        [talkers]*talker
	control    *client // looks at who waits; takes no part
	signs      int
}

func (s *side) close() {
	for _, t := range s.all {
		if t != nil {
			t.close()
		}
	}
	if s.control != nil {
		s.control.close()
	}
}

func openSide(name, addr string, proto int) (s *side, err error) {
	s = &side{name: name, addr: addr, proto: proto}
	if s.control, err = dial(name, addr, 2); err != nil {
		return s, err
	}
	for _, args := range [][]string{{"FLUSHALL"}, {"FUNCTION", "FLUSH"}, {"CONFIG", "SET", "notify-keyspace-events", ""}} {
		if rep, err := s.control.do(args...); err != nil || rep.IsError() {
			return s, fmt.Errorf("%s: %s: %s %w", name, args, rep.String(), err)
		}
	}
	for i := range s.all {
		if err := s.dial(i); err != nil {
			return s, err
		}
	}
	return s, nil
}

// dial opens connection i, anew if it was open.
func (s *side) dial(i int) error {
	if s.all[i] != nil {
		s.all[i].close()
	}
	c, err := dial(s.name, s.addr, s.proto)
	if err != nil {
		return err
	}
	c.wait = talkTimeout
	s.all[i] = &talker{client: c, proto: s.proto}
	id, err := c.do("CLIENT", "ID")
	s.all[i].id = strings.TrimPrefix(id.Head, ":")
	return err
}

// send adds a step's commands, with the server's own numbers in it.
func (s *side) send(t *talker, args []string) {
	args = slices.Clone(args)
	for i, a := range args {
		if rest, ok := strings.CutPrefix(a, "id:"); ok && i > 1 && strings.EqualFold(args[0], "client") {
			if n, err := strconv.Atoi(rest); err == nil && 0 < n && n <= talkers {
				args[i] = s.all[n-1].id
			}
		}
	}
	t.add(args)
}

// play sends the steps of a group, which are one connection's, and collects
// what every connection is told. served are the waiting connections that the
// other server has let go on, if it was asked first.
func (s *side) play(group []Step, served map[int]bool) (map[int]*told, error) {
	at := group[0].Conn
	t := s.all[at]
	for _, st := range group {
		s.send(t, st.Args)
	}
	if silences(group[0].Args) {
		t.add([]string{"CLIENT", "REPLY", "ON"})
	}
	heard := map[int]*told{}
	if err := t.flush(); err != nil && !isGone(err) {
		return nil, err
	}
	last := group[len(group)-1].Args
	if blocks(last) && !t.multi {
		if err := s.awaitVerdict(t, commandName(last)); err != nil {
			return nil, err
		}
	}
	if !t.waits {
		said := &told{}
		if err := s.answer(at, last, said); err != nil {
			return nil, err
		}
		if err := s.sign(at, said); err != nil {
			return nil, err
		}
		heard[at] = said
	}
	return heard, s.others(at, heard, served)
}

// others asks the other connections for signs, those that have waited last.
func (s *side) others(at int, heard map[int]*told, served map[int]bool) (err error) {
	for i, t := range s.all {
		if i != at && !t.waits {
			heard[i] = &told{}
			if err = s.sign(i, heard[i]); err != nil {
				return err
			}
		}
	}
	for i, t := range s.all {
		if i == at || !t.waits {
			continue
		}
		still, err := s.stillWaits(t, served[i])
		if err != nil {
			return err
		}
		if still {
			continue
		}
		t.waits = false
		heard[i] = &told{}
		if err = s.sign(i, heard[i]); err != nil {
			return err
		}
	}
	return nil
}

// sign asks a connection for a sign and collects what comes before it.
func (s *side) sign(i int, said *told) error {
	t := s.all[i]
	if said.gone {
		return nil
	}
	s.signs++
	token := "sign-" + strconv.Itoa(s.signs)
	if t.multi {
		t.add([]string{"WATCH", token})
	} else {
		t.add([]string{"PING", token})
	}
	if err := t.flush(); err != nil {
		return s.left(i, said, err)
	}
	for {
		rep, err := t.read()
		if err != nil {
			return s.left(i, said, err)
		}
		if t.isSign(rep, token) {
			return nil
		}
		said.note(rep)
	}
}

// answer waits for the reply to what begins or ends a transaction, or changes
// the protocol: it decides what can be sent from then on.
func (s *side) answer(i int, args []string, said *told) error {
	t := s.all[i]
	switch commandName(args) {
	case "multi", "exec", "discard", "reset", "hello":
	default:
		if !t.multi {
			return nil
		}
	}
	for len(said.replies) == 0 {
		rep, err := t.read()
		if err != nil {
			return s.left(i, said, err)
		}
		said.note(rep)
	}
	t.follow(args, said.replies[0])
	return nil
}

// left is what becomes of a connection that has failed: one that was closed is
// opened anew.
func (s *side) left(i int, said *told, err error) error {
	if !isGone(err) {
		return fmt.Errorf("connection %d: %w", i+1, err)
	}
	said.gone = true
	return s.dial(i)
}

func (t *told) note(rep Reply) {
	t.pushes = append(t.pushes, rep.Aside...)
	if isPush(rep) {
		t.pushes = append(t.pushes, rep)
	} else {
		t.replies = append(t.replies, rep)
	}
}

// isSign says whether a reply is what was asked for: inside MULTI an error that
// WATCH gives there and that leaves the transaction alone.
func (t *talker) isSign(rep Reply, token string) bool {
	if t.multi {
		return rep.Head == "-ERR WATCH inside MULTI is not allowed"
	}
	return rep.Body == token || len(rep.Items) == 2 && rep.Items[0].Body == "pong" && rep.Items[1].Body == token
}

// isPush says whether a frame comes on its own: RESP2 has no sign of its own
// for that.
func isPush(r Reply) bool {
	if r.Kind() == '>' {
		return true
	}
	if r.Kind() != '*' || len(r.Items) < 3 || len(r.Items) > 4 {
		return false
	}
	switch r.Items[0].Body {
	case "message", "pmessage", "smessage", "subscribe", "psubscribe", "ssubscribe", "unsubscribe", "punsubscribe", "sunsubscribe":
		return r.Items[0].Kind() == '$'
	}
	return false
}

func isGone(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// follow keeps track of MULTI and of the protocol by a command and its reply.
func (t *talker) follow(args []string, reply Reply) {
	switch name := commandName(args); {
	case t.multi && reply.Head == "+QUEUED":
		t.queued = append(t.queued, args)
	case name == "reset" && reply.Head == "+RESET", t.multi && name == "exec", t.multi && name == "discard" && len(args) == 1:
		t.multi = false
		if name == "reset" {
			t.proto = 2
		}
	case name == "hello" && !reply.IsError():
		t.proto = 2
		if reply.Kind() == '%' {
			t.proto = 3
		}
	case name == "multi" && reply.Head == "+OK":
		t.multi, t.queued = true, nil
	}
}

// awaitVerdict waits until the server has decided whether a command waits.
func (s *side) awaitVerdict(t *talker, name string) error {
	for end := time.Now().Add(talkTimeout); time.Now().Before(end); time.Sleep(lookPause) {
		info, err := s.info(t)
		if err != nil || strings.Contains(info["flags"], "b") {
			t.waits = err == nil
			return err
		}
		if cmd, _, _ := strings.Cut(info["cmd"], "|"); cmd == name || t.answered() {
			return nil
		}
	}
	return fmt.Errorf("%s: nothing becomes of %s", s.name, name)
}

// answered says whether a reply has come, as far as that can be told from a
// push.
func (t *talker) answered() bool {
	if t.conn.SetReadDeadline(time.Now().Add(lookPause)) != nil {
		return false
	}
	first, err := t.in.Peek(1)
	return err == nil && first[0] != '>' || isGone(err)
}

// stillWaits says whether a client waits on; if it is expected not to, it is
// given time.
func (s *side) stillWaits(t *talker, expected bool) (bool, error) {
	for end := time.Now().Add(talkTimeout); ; time.Sleep(lookPause) {
		info, err := s.info(t)
		if err != nil {
			return false, err
		}
		waits := strings.Contains(info["flags"], "b")
		if !waits || !expected || time.Now().After(end) {
			return waits, nil
		}
	}
}

// info is CLIENT LIST about a connection.
func (s *side) info(t *talker) (map[string]string, error) {
	rep, err := s.control.do("CLIENT", "LIST", "ID", t.id)
	if err != nil {
		return nil, err
	}
	info := map[string]string{}
	for _, f := range strings.Fields(rep.Body) {
		k, v, _ := strings.Cut(f, "=")
		info[k] = v
	}
	return info, nil
}

// silences says whether a command takes away replies.
func silences(args []string) bool {
	return len(args) == 3 && strings.EqualFold(args[0], "client") && strings.EqualFold(args[1], "reply") && !strings.EqualFold(args[2], "on")
}

// blocks says whether a command may wait.
func blocks(args []string) bool {
	switch commandName(args) {
	case "blpop", "brpop", "brpoplpush", "blmove", "blmpop", "bzpopmin", "bzpopmax", "bzmpop":
		return true
	case "xread", "xreadgroup":
		return slices.ContainsFunc(args, func(a string) bool { return strings.EqualFold(a, "block") })
	}
	return false
}
