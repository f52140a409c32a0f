package command

// setCommands are the commands on sets.
var setCommands = []*Command{
	{Name: "sadd", Summary: "Adds members to a set. Creates the key if it is missing.", Handler: setAdd},
	{Name: "scard", Summary: "Returns how many members a set has.", Handler: setCard},
	{Name: "sdiff", Summary: "Returns the members of the first set that are in none of the others.", Handler: setDiff},
	{Name: "sdiffstore", Summary: "Stores the members of the first set that are in none of the others.", Handler: setDiffStore},
	{Name: "sinter", Summary: "Returns the members that several sets share.", Handler: setInter},
	{Name: "sintercard", Summary: "Returns how many members several sets share, counting up to a limit.", Handler: setInterCard},
	{Name: "sinterstore", Summary: "Stores the members that several sets share.", Handler: setInterStore},
	{Name: "sismember", Summary: "Says whether a set has a member.", Handler: setIsMember},
	{Name: "smembers", Summary: "Returns all members of a set.", Handler: setMembers},
	{Name: "smismember", Summary: "Says of several members whether a set has them.", Handler: setMIsMember},
	{Name: "smove", Summary: "Moves a member from one set to another.", Handler: setMove},
	{Name: "spop", Summary: "Removes random members from a set and returns them.", Handler: setPop},
	{Name: "srandmember", Summary: "Returns random members of a set.", Handler: setRandMember},
	{Name: "srem", Summary: "Removes members from a set. Deletes the key with the last of them.", Handler: setRemove},
	{Name: "sscan", Summary: "Walks through the members of a set, a few at a time.", Handler: setScan},
	{Name: "sunion", Summary: "Returns the members of several sets.", Handler: setUnion},
	{Name: "sunionstore", Summary: "Stores the members of several sets.", Handler: setUnionStore},
}
