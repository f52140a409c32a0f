package command

import "slices"

// What is done to a key when the arguments decide, in COMMAND INFO's words.
var (
	onlyRead     = []string{"RO", "access"}
	onlyWritten  = []string{"OW", "update"}
	readAndWrite = []string{"RW", "access", "update"}
	movedAway    = []string{"RW", "access", "delete"}
)

// keyFlags says what a command line does to one of its keys.
func (c *Command) keyFlags(r keyRef, args [][]byte) []string {
	switch {
	case r.spec == nil:
		return nil
	case c.Name == "set":
		return setFlags(args)
	case c.Name == "bitfield":
		return bitfieldFlags(args)
	case c.Name == "migrate":
		return movedAway
	}
	return r.spec.Flags
}

// setFlags: SET reads only with GET.
func setFlags(args [][]byte) []string {
	for i := 3; i < len(args); i++ {
		if equalFold(args[i], "get") {
			return readAndWrite
		}
	}
	return onlyWritten
}

// bitfieldFlags: BITFIELD only reads if all that it does is GET. What it will
// not understand counts as a write.
func bitfieldFlags(args [][]byte) []string {
	for i := 2; i < len(args); {
		switch left := len(args) - i - 1; {
		case equalFold(args[i], "get") && left >= 2:
			i += 3
		case equalFold(args[i], "overflow") && left >= 1:
			i += 2
		default:
			return readAndWrite
		}
	}
	return onlyRead
}

// migrateKeys finds the keys of MIGRATE: behind KEYS if the one key is empty.
// KEYS in the place of a password is a password.
func migrateKeys(args [][]byte) ([]int, error) {
	if !slices.ContainsFunc(args[2:len(args)-1], func(a []byte) bool { return equalFold(a, "keys") }) {
		return []int{3}, nil
	}
	for i := 6; i < len(args); i++ {
		switch {
		case equalFold(args[i], "keys"):
			if len(args[3]) > 0 {
				return nil, errBadKeyArgs
			}
			var keys []int
			for k := i + 1; k < len(args); k++ {
				keys = append(keys, k)
			}
			return keys, nil
		case equalFold(args[i], "auth"):
			i++
		case equalFold(args[i], "auth2"):
			i += 2
		}
	}
	return []int{3}, nil
}
