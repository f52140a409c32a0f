package command

// stringCommands are the commands on string values, counters included.
var stringCommands = []*Command{
	{Name: "append", Summary: "Adds text to the end of a string. Creates the key if it is missing.", Handler: stringAppend},
	{Name: "decr", Summary: "Takes one from the integer at a key. A missing key counts as 0.", Handler: stringDecr},
	{Name: "decrby", Summary: "Takes a number from the integer at a key. A missing key counts as 0.", Handler: stringDecrBy},
	{Name: "get", Summary: "Returns the string at a key.", Handler: stringGet},
	{Name: "getdel", Summary: "Returns the string at a key and deletes the key.", Handler: stringGetDel},
	{Name: "getex", Summary: "Returns the string at a key and sets or removes its deadline.", Handler: stringGetEx},
	{Name: "getrange", Summary: "Returns a part of the string at a key.", Handler: stringGetRange},
	{Name: "getset", Summary: "Sets a key to a string and returns the one it held.", Handler: stringGetSet},
	{Name: "incr", Summary: "Adds one to the integer at a key. A missing key counts as 0.", Handler: stringIncr},
	{Name: "incrby", Summary: "Adds a number to the integer at a key. A missing key counts as 0.", Handler: stringIncrBy},
	{Name: "incrbyfloat", Summary: "Adds a number to the floating point number at a key. A missing key counts as 0.", Handler: stringIncrByFloat},
	{Name: "lcs", Summary: "Finds the longest common subsequence of two strings.", Handler: stringLCS},
	{Name: "mget", Summary: "Returns the strings at several keys.", Handler: stringMGet},
	{Name: "mset", Summary: "Sets several keys to strings, all at once.", Handler: stringMSet},
	{Name: "msetnx", Summary: "Sets several keys to strings, all at once, if none of them exists.", Handler: stringMSetNX},
	{Name: "psetex", Summary: "Sets a key to a string with a lifetime in milliseconds.", Handler: stringPSetEx},
	{Name: "set", Summary: "Sets a key to a string, whatever it held before.", Handler: stringSet},
	{Name: "setex", Summary: "Sets a key to a string with a lifetime in seconds.", Handler: stringSetEx},
	{Name: "setnx", Summary: "Sets a key to a string if it does not exist.", Handler: stringSetNX},
	{Name: "setrange", Summary: "Overwrites a part of the string at a key. Creates the key if it is missing.", Handler: stringSetRange},
	{Name: "strlen", Summary: "Returns the length of the string at a key.", Handler: stringStrLen},
	{Name: "substr", Summary: "Returns a part of the string at a key. Older name of GETRANGE.", Handler: stringGetRange},
}
