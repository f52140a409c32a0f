package command

// streamCommands are the commands on streams.
var streamCommands = []*Command{
	{Name: "xack", Summary: "Acknowledges entries that a consumer of a group has read.", Handler: streamAck},
	{Name: "xadd", Summary: "Adds an entry to a stream. Creates the key if it is missing.", Handler: streamAdd},
	{Name: "xautoclaim", Summary: "Takes over entries that have waited too long for another consumer.", Handler: streamAutoClaim},
	{Name: "xclaim", Summary: "Takes over entries that wait for another consumer.", Handler: streamClaim},
	{Name: "xdel", Summary: "Removes entries from a stream.", Handler: streamDelete},
	{Name: "xgroup", Summary: "Manages consumer groups.", Subcommands: []*Command{
		{Name: "xgroup|create", Summary: "Creates a consumer group.", Handler: groupCreate},
		{Name: "xgroup|createconsumer", Summary: "Creates a consumer in a group.", Handler: groupCreateConsumer},
		{Name: "xgroup|delconsumer", Summary: "Removes a consumer from a group.", Handler: groupDelConsumer},
		{Name: "xgroup|destroy", Summary: "Removes a consumer group.", Handler: groupDestroy},
		{Name: "xgroup|help", Summary: "Lists the subcommands.", Handler: help},
		{Name: "xgroup|setid", Summary: "Moves the position of a consumer group.", Handler: groupSetID},
	}},
	{Name: "xinfo", Summary: "Tells about a stream.", Subcommands: []*Command{
		{Name: "xinfo|consumers", Summary: "Lists the consumers of a group.", Handler: infoConsumers},
		{Name: "xinfo|groups", Summary: "Lists the consumer groups of a stream.", Handler: infoGroups},
		{Name: "xinfo|help", Summary: "Lists the subcommands.", Handler: help},
		{Name: "xinfo|stream", Summary: "Returns what is known about a stream.", Handler: infoStream},
	}},
	{Name: "xlen", Summary: "Returns how many entries a stream has.", Handler: streamLen},
	{Name: "xpending", Summary: "Lists entries that wait for acknowledgement.", Handler: streamPending},
	{Name: "xrange", Summary: "Returns entries of a stream between two IDs.", Handler: streamRange},
	{Name: "xread", Summary: "Returns entries of streams behind given IDs, waiting for them if asked to.", Handler: streamRead},
	{Name: "xreadgroup", Summary: "Returns entries of streams that a consumer group has not read yet.", Handler: streamReadGroup},
	{Name: "xrevrange", Summary: "Returns entries of a stream between two IDs, last first.", Handler: streamRange},
	{Name: "xsetid", Summary: "Sets the last ID of a stream.", Handler: streamSetID},
	{Name: "xtrim", Summary: "Removes the oldest entries of a stream.", Handler: streamTrim},
}
