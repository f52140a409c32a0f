package command

import "strings"

const msgProtocolTypes = "ERR Wrong protocol type name. Please use one of the following: string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false"

// debugProtocol replies a value of the type that is named, as tests of clients
// ask for.
func debugProtocol(c *Context) {
	out := c.Out
	switch strings.ToLower(string(c.Args[2])) {
	case "string":
		out.BulkString("Hello World")
	case "integer":
		out.Int(12345)
	case "double":
		out.Double(3.141)
	case "null":
		out.Null()
	case "array":
		out.Array(3)
		debugNumbers(c)
	case "set":
		out.Set(3)
		debugNumbers(c)
	case "map":
		out.Map(3)
		for i := range 3 {
			out.Int(int64(i))
			out.Bool(i == 1)
		}
	case "attrib":
		if out.Proto > 2 {
			out.Raw([]byte("|1\r\n$14\r\nkey-popularity\r\n*2\r\n$7\r\nkey:123\r\n:90\r\n"))
		}
		out.BulkString("Some real reply following the attribute")
	case "push":
		if out.Proto < 3 {
			out.Error("ERR RESP2 is not supported by this command")
			return
		}
		out.Push(2)
		out.BulkString("server-cpu-usage")
		out.Int(42)
		out.BulkString("Some real reply following the push reply")
	case "true", "false":
		out.Bool(isOption(c.Args[2], "true"))
	case "verbatim":
		out.Verbatim("txt", "This is a verbatim\nstring")
	case "bignum":
		out.BigNumber("1234567999999999999999999999999999999")
	default:
		out.Error(msgProtocolTypes)
	}
}

func debugNumbers(c *Context) {
	for i := range 3 {
		c.Out.Int(int64(i))
	}
}

var debugHelp = []string{
	"DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
	"DIGEST", "    Output a hex signature representing the live state of all keys.",
	"DIGEST-KEYS", "    List every key that has live state, with its signature.",
	"DIGEST-VALUE <key> [<key> ...]", "    Output a hex signature of the live state of all the specified keys.",
	"DIVERGE <key> <value>", "    Make this region differ from the others, to see whether that is found.",
	"ERROR <string>", "    Return a Redis protocol error with <string> as message.",
	"OBJECT <key>", "    Show low level info about `key` and associated value.",
	"PAUSE-CRON <0|1>", "    Accepted; changes nothing.",
	"PROTOCOL <type>", "    Reply with a test value of the specified type.",
	"QUICKLIST-PACKED-THRESHOLD <size>", "    Accepted; changes nothing.",
	"SET-ACTIVE-EXPIRE <0|1>", "    Accepted; changes nothing.",
	"SLEEP <seconds>", "    Stop this client for <seconds>. Decimals allowed.",
	"HELP", "    Print this help.",
}

// debugRefused says why a subcommand of Redis's that tests may ask for is not
// there.
func debugRefused(c *Context) bool {
	why := map[string]string{
		"reload":   "a restart of the node shows that it recovers; SAVE writes a checkpoint",
		"loadaof":  "a restart of the node shows that it recovers; SAVE writes a checkpoint",
		"populate": "keys that the other regions do not get would make regions differ; a script can write keys",
	}[strings.ToLower(string(c.Args[1]))]
	if why != "" {
		c.Out.Error("ERR DEBUG " + strings.ToUpper(string(c.Args[1])) + " is not supported: " + why)
	}
	return why != ""
}
