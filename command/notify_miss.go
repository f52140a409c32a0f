package command

// misses tells of keys that a command looked for in vain: the event "keymiss".
type misses struct {
	s      *Session
	each   bool     // the command looks for each key once
	missed []string // by the command, unless each
}

// missWriters are the commands that write but look for their sources as reading
// ones do.
var missWriters = map[string]bool{
	"bitfield": true, "bitop": true, "copy": true, "georadius": true, "georadiusbymember": true, "geosearchstore": true, "getdel": true,
	"getex": true, "getset": true, "pfmerge": true, "sdiffstore": true, "set": true, "sinterstore": true, "sort": true,
	"sunionstore": true, "xack": true, "xautoclaim": true, "xclaim": true, "xreadgroup": true, "zdiffstore": true,
	"zinterstore": true, "zrangestore": true, "zunionstore": true,
}

// lookOnce are the commands that look as often as Redis does: other ones tell of
// a key once.
var lookOnce = map[string]bool{"exists": true, "mget": true, "touch": true, "xread": true}

// followMisses follows notify-keyspace-events.
func (s *Session) followMisses() {
	on := s.set.notify&evMiss != 0
	if on == (s.misses != nil) {
		return
	}
	s.extra &^= extraMiss
	s.misses = nil
	s.tx.OnMiss(nil)
	if on {
		s.extra |= extraMiss
		s.misses = &misses{s: s}
	}
}

// noteMisses readies the Tx for a command that is about to run.
func (s *Session) noteMisses(cmd *Command) {
	if cmd.Flags&ReadOnly == 0 && !missWriters[cmd.Name] {
		s.tx.OnMiss(nil)
		return
	}
	s.misses.each, s.misses.missed = lookOnce[cmd.Name], s.misses.missed[:0]
	s.tx.OnMiss(s.misses.tell)
}

func (m *misses) tell(db int, key []byte) {
	if !m.each {
		for _, k := range m.missed {
			if k == string(key) {
				return
			}
		}
		m.missed = append(m.missed, string(key))
	}
	m.s.srv.notify(m.s.set.notify, evMiss, "keymiss", dbKeyRef{db, key})
}
