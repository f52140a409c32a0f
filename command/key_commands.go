package command

// keyCommands are the commands on keys of any type.
var keyCommands = []*Command{
	{Name: "copy", Summary: "Copies the value and the deadline of a key to another key.", Flags: OtherDB, Handler: keyCopy},
	{Name: "dbsize", Summary: "Returns how many keys the selected database has.", Flags: WholeKeyspace, Handler: keyDBSize},
	{Name: "del", Summary: "Deletes keys.", Handler: keyDelete},
	{Name: "exists", Summary: "Returns how many of the given keys exist.", Handler: keyExists},
	{Name: "expire", Summary: "Sets the lifetime of a key in seconds.", Handler: keyExpire},
	{Name: "expireat", Summary: "Sets the deadline of a key in unix seconds.", Handler: keyExpireAt},
	{Name: "expiretime", Summary: "Returns the deadline of a key in unix seconds.", Handler: keyExpireTime},
	{Name: "flushall", Summary: "Deletes all keys of all databases.", Flags: WholeKeyspace | OtherDB, Handler: keyFlushAll},
	{Name: "flushdb", Summary: "Deletes all keys of the selected database.", Flags: WholeKeyspace, Handler: keyFlushDB},
	{Name: "keys", Summary: "Returns all keys that match a pattern.", Flags: WholeKeyspace, Handler: keyKeys},
	{Name: "move", Summary: "Moves a key to another database.", Flags: OtherDB, Handler: keyMove},
	{Name: "persist", Summary: "Removes the deadline of a key.", Handler: keyPersist},
	{Name: "pexpire", Summary: "Sets the lifetime of a key in milliseconds.", Handler: keyPExpire},
	{Name: "pexpireat", Summary: "Sets the deadline of a key in unix milliseconds.", Handler: keyPExpireAt},
	{Name: "pexpiretime", Summary: "Returns the deadline of a key in unix milliseconds.", Handler: keyPExpireTime},
	{Name: "pttl", Summary: "Returns how long a key still lives, in milliseconds.", Handler: keyPTTL},
	{Name: "randomkey", Summary: "Returns a random key.", Flags: WholeKeyspace, Handler: keyRandom},
	{Name: "rename", Summary: "Renames a key and replaces the one that had the name.", Handler: keyRename},
	{Name: "renamenx", Summary: "Renames a key if no other has the name.", Handler: keyRenameNX},
	{Name: "scan", Summary: "Walks through the keys of the selected database, a few at a time.", Flags: WholeKeyspace, Handler: keyScan},
	{Name: "touch", Summary: "Returns how many of the given keys exist and marks them as used now.", Handler: keyTouch},
	{Name: "ttl", Summary: "Returns how long a key still lives, in seconds.", Handler: keyTTL},
	{Name: "type", Summary: "Returns the type of the value at a key.", Handler: keyType},
	{Name: "unlink", Summary: "Deletes keys. The same as DEL.", Handler: keyDelete},
}
