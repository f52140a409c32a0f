package command

import "fmt"

// protocolPage is the part of docs/compatibility.md about what holds for all commands.
func protocolPage() string {
	return fmt.Sprintf(`
## Protocol

- HELLO and INFO tell version %s, although replies are those of 7.0: clients choose what they use by it, and
  CLIENT SETINFO, CLIENT NO-TOUCH and WAITAOF came with 7.2. Scripts are told 7.0.15.
- A command has at most %d arguments, and the connection of one that claims more is closed with a protocol error; in Redis it
  may have 2147483647. All that one command writes is one group in the log and is applied in one go, here and in every other
  region; several commands in a pipeline are not.
`, redisVersion, maxArgs)
}
