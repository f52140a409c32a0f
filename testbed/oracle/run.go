package oracle

import (
	"fmt"
	"slices"
	"strings"
)

// Pair is the two servers that are compared.
type Pair struct {
	Redis string // addresses
	Crdb  string
	Proto int
}

// Difference is a reply of crdb that is not Redis's.
type Difference struct {
	Step  int
	Args  []string
	Redis string
	Crdb  string
}

func (d *Difference) String() string {
	return fmt.Sprintf("command %d: %s\n  redis: %s\n  crdb:  %s", d.Step+1, Step{Args: d.Args}, clip(d.Redis), clip(d.Crdb))
}

// byDesign reports whether crdb has refused XSETID below an entry that was deleted, as
// Redis 7.2 does (docs/compatibility.md): from there on the two streams are others.
func (d *Difference) byDesign() bool {
	return strings.Contains(d.Crdb, "smaller than current max_deleted_entry_id")
}

// clip keeps a report readable.
func clip(s string) string {
	const longest = 2000
	if len(s) > longest {
		return s[:longest] + "..."
	}
	return s
}

// link is one connection of a stream to both servers.
type link struct {
	redis, crdb *client
	multi       bool
	queued      [][]string
}

// link connects to both servers.
func (p Pair) link() (*link, error) {
	redis, err := dial("redis", p.Redis, p.Proto)
	if err != nil {
		return nil, err
	}
	crdb, err := dial("crdb", p.Crdb, p.Proto)
	if err != nil {
		redis.close()
		return nil, err
	}
	return &link{redis: redis, crdb: crdb}, nil
}

func (l *link) close() {
	l.redis.close()
	l.crdb.close()
}

// do sends the same to both.
func (l *link) do(args ...string) (redis, crdb Reply, err error) {
	l.redis.add(args)
	l.crdb.add(args)
	if err = l.flush(); err != nil {
		return
	}
	return l.read()
}

func (l *link) flush() error {
	if err := l.redis.flush(); err != nil {
		return err
	}
	return l.crdb.flush()
}

func (l *link) read() (redis, crdb Reply, err error) {
	if redis, err = l.redis.read(); err != nil {
		return
	}
	crdb, err = l.crdb.read()
	return
}

// run is a stream on its way.
type run struct {
	links   [2]*link
	stream  Stream
	words   []string // EXISTS and every argument there is
	unknown bool     // chance has made the two servers differ: stop
}

// Run plays a stream on two empty servers. It returns the first difference, or
// nil. An error means that no comparison was possible, which is also a fault:
// a server that hangs up or does not answer.
func (p Pair) Run(s Stream) (*Difference, error) {
	r := &run{stream: s}
	for i := range r.links {
		l, err := p.link()
		if err != nil {
			return nil, err
		}
		defer l.close()
		r.links[i] = l
	}
	for _, args := range [][]string{{"FLUSHALL"}, {"FUNCTION", "FLUSH"}, {"SCRIPT", "FLUSH"}} {
		if _, _, err := r.links[0].do(args...); err != nil {
			return nil, err
		}
	}
	if _, _, err := r.links[0].do(append([]string{"ACL", "DELUSER"}, aclUsers...)...); err != nil {
		return nil, err
	}
	for at := 0; at < len(s.Steps) && !r.unknown; {
		n, diff, err := r.batch(at)
		switch {
		case err != nil || diff != nil && !diff.byDesign():
			return diff, err
		case diff != nil:
			return nil, nil
		}
		at += n
	}
	if r.unknown {
		return nil, nil
	}
	return r.contents()
}

// batch plays the step at and, if they need nothing done between them, some
// that follow it, in one write. It returns how many it played.
func (r *run) batch(at int) (int, *Difference, error) {
	steps := r.stream.Steps
	l := r.links[steps[at].Conn]
	n := 0
	for n == 0 || n < r.stream.Batch && at+n < len(steps) && steps[at+n].Conn == steps[at].Conn &&
		plain(steps[at+n].Args) && plain(steps[at+n-1].Args) {
		n++
	}
	if !l.multi && ruleOf(steps[at].Args) == lazily {
		if err := r.meetExpired(l); err != nil {
			return 0, nil, err
		}
	}
	for i := at; i < at+n; i++ {
		l.redis.add(steps[i].Args)
		l.crdb.add(steps[i].Args)
	}
	if err := l.flush(); err != nil {
		return 0, nil, err
	}
	for i := at; i < at+n; i++ {
		redis, crdb, err := l.read()
		if err != nil {
			return 0, nil, fmt.Errorf("command %d: %s: %w", i+1, steps[i], err)
		}
		ok, err := r.judge(l, steps[i].Args, redis, crdb)
		if err != nil {
			return 0, nil, fmt.Errorf("command %d: %s: %w", i+1, steps[i], err)
		}
		if !ok {
			return 0, &Difference{Step: i, Args: steps[i].Args, Redis: redis.String(), Crdb: crdb.String()}, nil
		}
	}
	return n, nil, nil
}

// plain says that nothing has to be done around a command to compare it.
func plain(args []string) bool {
	switch ruleOf(args) {
	case walk, random, lazily:
		return false
	}
	return true
}

// judge compares the replies to one command and keeps track of MULTI.
func (r *run) judge(l *link, args []string, redis, crdb Reply) (bool, error) {
	name := commandName(args)
	switch {
	case l.multi && redis.Head == "+QUEUED":
		l.queued = append(l.queued, args)
		return crdb.Head == redis.Head, nil
	case l.multi && name == "exec" && len(args) == 1:
		queued := l.queued
		l.multi, l.queued = false, nil
		ok, settled := sameExec(queued, redis, crdb)
		r.unknown = r.unknown || !settled
		return ok, nil
	case name == "reset" && len(args) == 1,
		l.multi && name == "discard" && len(args) == 1,
		l.multi && name == "exec": // with an argument: refused, but the block is over
		l.multi, l.queued = false, nil
	case !l.multi && name == "multi" && redis.Head == "+OK":
		l.multi = true
	}
	rule := ruleOf(args)
	if !same(rule, args, redis, crdb) {
		return false, nil
	}
	if redis.IsError() {
		return true, nil
	}
	switch rule {
	case walk:
		return l.sameWalk(args, redis, crdb)
	case random:
		return l.samePick(args, redis, crdb)
	case lazily:
		return redis.Wire() == crdb.Wire(), nil
	}
	return true, nil
}

// meetExpired makes Redis delete the expired keys of the selected database, as
// it does when it meets them: any word of the stream may be a key.
func (r *run) meetExpired(l *link) error {
	if r.words == nil {
		r.words = []string{"EXISTS"}
		for _, st := range r.stream.Steps {
			r.words = append(r.words, st.Args[1:]...)
		}
		slices.Sort(r.words[1:])
		r.words = slices.Compact(r.words)
	}
	if len(r.words) == 1 {
		return nil
	}
	_, _, err := l.do(r.words...)
	return err
}
