package command

import (
	"slices"
	"strings"
)

// denied is what a user may not do. Their order is Redis's: of several
// selectors the one that fails last says why.
type denied uint8

const (
	notDenied denied = iota
	deniedCommand
	deniedKey
	deniedAuth
	deniedChannel
)

// denial is why a command may not run. The zero value: it may.
type denial struct {
	why denied
	at  int // index of the key or channel
}

// Texts of NOPERM.
const (
	msgNoPermKey     = "NOPERM this user has no permissions to access one of the keys used as arguments"
	msgNoPermChannel = "NOPERM this user has no permissions to access one of the channels used as arguments"
)

// text is the reply to a client.
func (d denial) text(cmd *Command) string {
	switch d.why {
	case deniedKey:
		return msgNoPermKey
	case deniedChannel:
		return msgNoPermChannel
	}
	return "NOPERM this user has no permissions to run the '" + cmd.Name + "' command"
}

// textInScript is the reply to redis.call.
func (d denial) textInScript() string {
	switch d.why {
	case deniedKey:
		return "ERR The user executing the script can't access at least one of the keys mentioned in the command arguments"
	case deniedChannel:
		return "ERR The user executing the script can't publish to the channel mentioned in the command"
	}
	return "ERR The user executing the script can't run this command or subcommand"
}

// textAtExec is the reply in place of a queued command that was permitted once.
func (d denial) textAtExec() string {
	reason := "no permission to execute the command or subcommand"
	switch d.why {
	case deniedKey:
		reason = "no permission to touch the specified keys"
	case deniedChannel:
		reason = "no permission to access one of the channels used as arguments to the command"
	}
	return "NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. " +
		"This command is no longer allowed for the following reason: " + reason
}

// check looks at the whole command line. scratch is for the keys.
func (r *rights) check(cmd *Command, args [][]byte, scratch *[]keyRef) denial {
	worst := denial{why: deniedCommand}
	refs, found := (*scratch)[:0], false
	for _, s := range r.selectors {
		d := denial{why: deniedCommand}
		if s.mayRun(cmd, args) {
			if !found && !s.allKeys && cmd.hasKeys() {
				var err error
				if refs, err = cmd.keyRefs(refs, args); err != nil {
					refs = refs[:0] // the handler refuses it in its own words
				}
				*scratch, found = refs, true
			}
			if d = s.checkKeys(cmd, args, refs); d.why == notDenied {
				d = s.checkChannels(cmd, args)
			}
		}
		if d.why == notDenied {
			return d
		}
		if d.why > worst.why || d.why == worst.why && d.at > worst.at {
			worst = d
		}
	}
	return worst
}

func (s *selector) mayRun(cmd *Command, args [][]byte) bool {
	if s.all || cmd.Flags&NoAuth != 0 || s.commands.has(cmd.index) {
		return true
	}
	at := 1
	if cmd.parent != nil {
		at = 2
	}
	for _, first := range s.firstArgs[cmd.index] {
		if len(args) > at && strings.EqualFold(first, string(args[at])) {
			return true
		}
	}
	return false
}

func (s *selector) checkKeys(cmd *Command, args [][]byte, refs []keyRef) denial {
	if s.allKeys {
		return denial{}
	}
	for _, r := range refs {
		if !s.mayTouch(args[r.index], cmd.doesTo(r, args)) {
			return denial{deniedKey, r.index}
		}
	}
	return denial{}
}

func (s *selector) mayTouch(key []byte, what permission) bool {
	if s.allKeys {
		return true
	}
	for i := range s.keys {
		if p := &s.keys[i]; p.may&what == what && globMatch([]byte(p.glob), key) {
			return true
		}
	}
	return false
}

// doesTo says what a command does to one of its keys.
func (c *Command) doesTo(r keyRef, args [][]byte) permission {
	if r.spec == nil {
		return mayRead | mayWrite
	}
	p := permission(0)
	for _, flag := range c.keyFlags(r, args) {
		switch flag {
		case "access":
			p |= mayRead
		case "insert", "update", "delete":
			p |= mayWrite
		}
	}
	return p
}

// channelArgs says which arguments of a command are channels.
var channelArgs = map[string]struct{ first, last int }{
	"subscribe": {1, -1}, "psubscribe": {1, -1}, "ssubscribe": {1, -1},
	"publish": {1, 1}, "spublish": {1, 1},
}

func (s *selector) checkChannels(cmd *Command, args [][]byte) denial {
	if s.allChannels || cmd.Categories&CatPubSub == 0 {
		return denial{}
	}
	where, ok := channelArgs[cmd.Name]
	if !ok {
		return denial{}
	}
	if where.last < 0 {
		where.last += len(args)
	}
	for i := where.first; i <= where.last && i < len(args); i++ {
		if !s.mayHear(args[i], cmd.Name == "psubscribe") {
			return denial{deniedChannel, i}
		}
	}
	return denial{}
}

// mayHear judges a channel, or a pattern of PSUBSCRIBE, which must be named
// literally.
func (s *selector) mayHear(channel []byte, literal bool) bool {
	if s.allChannels {
		return true
	}
	for _, glob := range s.channels {
		if literal && glob == string(channel) || !literal && globMatch([]byte(glob), channel) {
			return true
		}
	}
	return false
}

// lostChannels reports whether one of the channels and patterns that were permitted
// before is not any more.
func (r *rights) lostChannels(before *rights) bool {
	if r == before || slices.ContainsFunc(r.selectors, func(s *selector) bool { return s.allChannels }) {
		return false
	}
	return slices.ContainsFunc(before.selectors, func(old *selector) bool {
		return old.allChannels || slices.ContainsFunc(old.channels, func(glob string) bool {
			return !slices.ContainsFunc(r.selectors, func(s *selector) bool { return slices.Contains(s.channels, glob) })
		})
	})
}

// mayListen reports whether all that a session listens to is permitted, each by
// whichever selector.
func (r *rights) mayListen(u *subscriptions) bool {
	hears := func(name string, literal bool) bool {
		return slices.ContainsFunc(r.selectors, func(s *selector) bool { return s.mayHear([]byte(name), literal) })
	}
	for name := range u.patterns {
		if !hears(name, true) {
			return false
		}
	}
	for _, set := range []map[string]struct{}{u.channels, u.shards} {
		for name := range set {
			if !hears(name, false) {
				return false
			}
		}
	}
	return true
}

// readsEverything reports whether the user may run cmd with any key: SORT asks
// before it follows BY and GET to keys that are not among its arguments.
func (r *rights) readsEverything(cmd *Command, args [][]byte) bool {
	return slices.ContainsFunc(r.selectors, func(s *selector) bool {
		every := func(k keyPattern) bool { return k.glob == "*" && k.may&mayRead != 0 }
		return s.mayRun(cmd, args) && (s.allKeys || slices.ContainsFunc(s.keys, every))
	})
}
