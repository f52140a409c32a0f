package command

import "crdb/command/script"

// touchesItsKeys reports whether every command that a script runs is one whose
// keys the table finds, and finds among the script's KEYS. Such a script runs
// under the locks of its keys. What this promises is looked at again before each
// command of such a run (holdsKeys): one that finds other keys at that time is
// an error and touches nothing.
func (t *Table) touchesItsKeys(sc *script.Script) bool {
	if !sc.Known {
		return false
	}
	for _, call := range sc.Calls {
		if !t.callIsKeyed(call) {
			return false
		}
	}
	return true
}

func (t *Table) callIsKeyed(call script.Call) bool {
	cmd := t.named(call)
	switch {
	case cmd == nil:
		return false
	case cmd.Flags&NoScript != 0: // refused when it runs
		return true
	case cmd.Flags&(WholeKeyspace|AnyKeys|RunsScript) != 0 || cmd.subs != nil:
		return false
	}
	switch cmd.locks {
	case lockNone:
		return true
	case lockFirst, lockRange:
		return keyedRange(cmd, call)
	default:
		return keyedSpecs(cmd, call)
	}
}

// named finds the command of a call; nil if it is not written there.
func (t *Table) named(call script.Call) *Command {
	if len(call) == 0 || call[0].Kind != script.Constant {
		return nil
	}
	cmd := t.lookup([]byte(call[0].Text))
	if cmd != nil && cmd.subs != nil && len(call) > 1 && call[1].Kind == script.Constant {
		return cmd.sub([]byte(call[1].Text))
	}
	return cmd
}

// keyedRange looks at the arguments where a command has its keys. An argument
// that stands for several is the last one written, so there may be more keys
// than are written.
func keyedRange(cmd *Command, call script.Call) bool {
	end, last := len(call)-1, cmd.LastKey
	if last < 0 {
		last += len(call)
		if many(call[end].Kind) {
			last = end
			if cmd.KeyStep != 1 {
				return false
			}
		}
	}
	for i := cmd.FirstKey; i <= min(last, end); i += cmd.KeyStep {
		if k := call[i].Kind; k != script.OneKey && k != script.AllKeys {
			return false
		}
	}
	return end > last || call[end].Kind != script.UnknownAll
}

func many(k script.ArgKind) bool { return k == script.UnknownAll || k == script.AllKeys }

// keyedSpecs asks the table where the keys are, which it can tell if everything
// but the keys is written there.
func keyedSpecs(cmd *Command, call script.Call) bool {
	args := make([][]byte, len(call))
	for i, a := range call {
		switch a.Kind {
		case script.Constant:
			args[i] = []byte(a.Text)
		case script.OneKey:
			args[i] = []byte{0} // no keyword, no number
		default:
			return false
		}
	}
	refs, err := cmd.keyRefs(nil, args)
	if err != nil {
		return false
	}
	for _, r := range refs {
		if call[r.index].Kind != script.OneKey {
			return false
		}
	}
	return true
}

// holdsKeys reports whether the keys of a command line are locked.
func (s *Session) holdsKeys(cmd *Command, args [][]byte) bool {
	switch cmd.locks {
	case lockNone:
		return cmd.Flags&WholeKeyspace == 0
	case lockFirst:
		return s.tx.Holds(args[cmd.FirstKey])
	case lockRange:
		for _, key := range s.rangeKeys(cmd, args) {
			if !s.tx.Holds(key) {
				return false
			}
		}
		return true
	case lockSpecs:
		refs, _ := cmd.keyRefs(s.refs[:0], args)
		s.refs = refs
		for _, r := range refs {
			if !s.tx.Holds(args[r.index]) {
				return false
			}
		}
		return true
	}
	return false
}
