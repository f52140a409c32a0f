package linear

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/anishathalye/porcupine"
)

// Op is one command, or one transaction, of a client.
type Op struct {
	Kind  string // one of Kinds
	Value string // what is written into the register
	Old   string // Swap: what the register held when it was watched
}

// Kinds of an Op. The register is a string, the counter is never reset.
const (
	Get    = "get"    // reads the register
	Set    = "set"    // writes it
	Append = "append" // writes to its end
	Incr   = "incr"   // adds 1 to the counter
	Both   = "both"   // MULTI: sets the register and adds 1
	Swap   = "swap"   // the same, if the register still holds what was read under WATCH
	Script = "script" // the same as a script that appends
)

// Kinds are all of them.
var Kinds = []string{Get, Set, Append, Incr, Both, Swap, Script}

// Source is the text of Script: the register and the counter are its keys.
const Source = "redis.call('append', KEYS[1], ARGV[1]) return redis.call('incr', KEYS[2])"

// Outputs that no command has. Any other output is the reply as text, of a
// transaction the last one; an empty register is "".
const (
	Aborted = "aborted" // Swap: the register had changed
	Lost    = "lost"    // no reply came: it has happened or not
)

// State is what a region holds.
type State struct {
	Register string
	Counter  int64
}

// Draw makes an Op with a value that no other has, if name is its alone.
func Draw(rng *rand.Rand, name string) Op {
	return Op{Kind: Kinds[rng.IntN(len(Kinds))], Value: name}
}

// Record is what a client saw of an Op between two readings of a clock. One whose
// reply was lost ends when it can happen no more: with the process.
func Record(client int, op Op, call int64, output string, returned int64) porcupine.Operation {
	return porcupine.Operation{ClientId: client, Input: op, Call: call, Output: output, Return: returned}
}

// Check demands that a history that began with a state is linearizable.
func Check(from State, history []porcupine.Operation, patience time.Duration) error {
	if got := porcupine.CheckOperationsTimeout(model(from), history, patience); got != porcupine.Ok {
		return fmt.Errorf("of %d operations porcupine says: %v", len(history), got)
	}
	return nil
}

func model(from State) porcupine.Model {
	m := porcupine.NondeterministicModel{
		Init: func() []any { return []any{from} },
		Step: func(state, input, output any) []any {
			s := state.(State)
			want, next := s.step(input.(Op))
			switch output {
			case Lost:
				return []any{s, next}
			case Aborted: // a client only knows that something was written
				return []any{s}
			case want:
				return []any{next}
			}
			return nil
		},
		Equal: func(a, b any) bool { return a.(State) == b.(State) },
	}
	return m.ToModel()
}

// step returns the reply to an Op, and what is there afterwards.
func (s State) step(op Op) (reply string, next State) {
	switch op.Kind {
	case Get:
		return s.Register, s
	case Set:
		s.Register = op.Value
		return "OK", s
	case Append:
		s.Register += op.Value
		return strconv.Itoa(len(s.Register)), s
	case Swap:
		if s.Register != op.Old {
			return Aborted, s
		}
		s.Register = op.Value
	case Both:
		s.Register = op.Value
	case Script:
		s.Register += op.Value
	}
	s.Counter++
	return strconv.FormatInt(s.Counter, 10), s
}
