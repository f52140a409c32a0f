package oracle

import (
	"fmt"
	"slices"
	"strings"
)

// Talk plays a stream as a talk on two servers and returns the first
// difference.
func (p Pair) Talk(s Stream) (*Difference, error) {
	redis, err := openSide("redis", p.Redis, p.Proto)
	defer redis.close()
	if err != nil {
		return nil, err
	}
	crdb, err := openSide("crdb", p.Crdb, p.Proto)
	defer crdb.close()
	if err != nil {
		return nil, err
	}
	for at := 0; at < len(s.Steps); {
		group := s.group(at, redis.all[s.Steps[at].Conn].proto)
		step := s.Steps[at]
		at += len(group)
		t := redis.all[step.Conn]
		if t.waits || t.multi && unfitForMulti(step.Args) {
			continue
		}
		queued := t.queued
		diff, err := compareStep(redis, crdb, group, queued)
		if err != nil {
			return nil, fmt.Errorf("command %d: %s: %w", at, step, err)
		}
		switch {
		case diff != nil && diff.byDesign():
			return nil, nil
		case diff != nil:
			diff.Step = at - 1
			return diff, nil
		}
	}
	return p.endTalk(s, redis, crdb)
}

// group is the steps that go out together: what follows CLIENT REPLY OFF or
// SKIP on the same connection, up to CLIENT REPLY ON, which is sent behind it.
func (s Stream) group(at, proto int) []Step {
	n := 1
	if silences(s.Steps[at].Args) {
		for at+n < len(s.Steps) && n < 8 && s.Steps[at+n].Conn == s.Steps[at].Conn && mute(s.Steps[at+n].Args, proto) {
			n++
		}
	}
	return s.Steps[at : at+n]
}

// mute says whether a command may go out unobserved: it neither waits nor
// changes what the connection is. With RESP2 a subscriber could not ask for
// replies again.
func mute(args []string, proto int) bool {
	switch commandName(args) {
	case "subscribe", "psubscribe", "ssubscribe":
		return proto == 3
	case "multi", "exec", "discard", "quit", "reset", "client", "hello", "watch":
		return false
	}
	return !blocks(args)
}

// unfitForMulti are what takes away the sign of a connection inside MULTI, what
// replies pushes, or lets Redis put them into the reply of EXEC, where nobody can
// count them, and what counts clients that the same EXEC may have killed.
func unfitForMulti(args []string) bool {
	name := commandName(args)
	return strings.HasSuffix(name, "subscribe") || slices.Contains([]string{"watch", "hello", "pubsub"}, name) || name == "client" && len(args) > 1 && strings.EqualFold(args[1], "reply")
}

func compareStep(redis, crdb *side, group []Step, queued [][]string) (*Difference, error) {
	waited := redis.waiting()
	a, err := redis.play(group, nil)
	if err != nil {
		return nil, err
	}
	served := map[int]bool{}
	for i := range waited {
		served[i] = !redis.all[i].waits
	}
	b, err := crdb.play(group, served)
	if err != nil {
		return nil, err
	}
	for i := range redis.all {
		x, y := a[i], b[i]
		if x == nil && y == nil {
			continue
		}
		to := [][]string{{"PING"}}
		if i == group[0].Conn {
			to = nil
			for _, s := range group {
				to = append(to, s.Args)
			}
		} else if waited[i] != nil {
			to = [][]string{waited[i]}
		}
		if x == nil || y == nil || !sameTold(to, queued, x, y) {
			return &Difference{Args: group[0].Args, Redis: x.describe(i), Crdb: y.describe(i)}, nil
		}
	}
	if last := group[len(group)-1]; redis.all[last.Conn].waits {
		redis.all[last.Conn].queued = [][]string{last.Args}
	}
	return nil, nil
}

func leavesAll(args []string) bool {
	return len(args) == 1 && strings.HasSuffix(commandName(args), "unsubscribe")
}

// waiting returns the connections that wait and for what.
func (s *side) waiting() map[int][]string {
	list := map[int][]string{}
	for i, t := range s.all {
		if t.waits && len(t.queued) == 1 {
			list[i] = t.queued[0]
		}
	}
	return list
}

func (t *told) describe(i int) string {
	if t == nil {
		return fmt.Sprintf("connection %d waits", i+1)
	}
	text := fmt.Sprintf("connection %d:", i+1)
	for _, r := range t.replies {
		text += " " + r.String()
	}
	for _, r := range t.pushes {
		text += " push " + r.String()
	}
	if t.gone {
		text += " closed"
	}
	return text
}

// sameTold compares what one connection was told in reply to any of these
// commands: of several, some are silenced.
func sameTold(to [][]string, queued [][]string, a, b *told) bool {
	if a.gone != b.gone || len(a.replies) != len(b.replies) || !samePushes(to, a.pushes, b.pushes) {
		return false
	}
	for i := range a.replies {
		if !slices.ContainsFunc(to, func(args []string) bool { return sameAnswer(args, queued, a.replies[i], b.replies[i]) }) {
			return false
		}
	}
	return true
}

func sameAnswer(args []string, queued [][]string, a, b Reply) bool {
	if commandName(args) == "exec" && a.Kind() == '*' {
		ok, _ := sameExec(queued, a, b)
		return ok
	}
	return same(ruleOf(args), args, a, b)
}

// samePushes compares what came on its own, in order, but for what Redis leaves
// to chance: in which order the patterns of one client that fit the same
// message tell of it, and in which order a client leaves all its channels.
func samePushes(to [][]string, a, b []Reply) bool {
	if len(a) != len(b) {
		return false
	}
	leaves := slices.ContainsFunc(to, func(args []string) bool { return leavesAll(args) || commandName(args) == "exec" })
	return slices.Equal(settled(a, leaves), settled(b, leaves))
}

func settled(list []Reply, leaves bool) []string {
	var out []string
	for from := 0; from < len(list); {
		to := from + 1
		for to < len(list) && (alikeMessage(list[from], list[to]) || leaves && unsubscribes(list[from]) && unsubscribes(list[to])) {
			to++
		}
		var part []string
		for i := from; i < to; i++ {
			r := list[i]
			if leaves && unsubscribes(r) { // its count goes by the order
				r.Items = r.Items[:2]
			}
			part = append(part, r.Wire())
		}
		slices.Sort(part)
		out, from = append(out, part...), to
	}
	return out
}

func alikeMessage(a, b Reply) bool {
	return len(a.Items) == 4 && len(b.Items) == 4 && a.Items[0].Body == "pmessage" && b.Items[0].Body == "pmessage" &&
		a.Items[2].Body == b.Items[2].Body && a.Items[3].Body == b.Items[3].Body
}

func unsubscribes(r Reply) bool {
	return len(r.Items) == 3 && strings.HasSuffix(r.Items[0].Body, "unsubscribe")
}

// endTalk ends all waits and compares what the servers hold.
func (p Pair) endTalk(s Stream, redis, crdb *side) (*Difference, error) {
	for i := range redis.all {
		if !redis.all[i].waits {
			continue
		}
		if redis.all[0].waits || redis.all[0].multi {
			return nil, nil // nobody is left to look
		}
		if diff, err := compareStep(redis, crdb, []Step{{Args: []string{"CLIENT", "UNBLOCK", idOf(i)}}}, nil); diff != nil || err != nil {
			if diff != nil {
				diff.Step = len(s.Steps)
			}
			return diff, err
		}
	}
	l, err := p.link()
	if err != nil {
		return nil, err
	}
	defer l.close()
	r := &run{stream: s}
	r.links[0] = l
	return r.contents()
}
