package command

// hashCommands are the commands on hashes.
var hashCommands = []*Command{
	{Name: "hdel", Summary: "Removes fields from a hash. Deletes the key with the last of them.", Handler: hashDelete},
	{Name: "hexists", Summary: "Says whether a hash has a field.", Handler: hashExists},
	{Name: "hget", Summary: "Returns the value of a field of a hash.", Handler: hashGet},
	{Name: "hgetall", Summary: "Returns all fields of a hash with their values.", Handler: hashGetAll},
	{Name: "hincrby", Summary: "Adds a number to the integer in a field of a hash. A missing field counts as 0.", Handler: hashIncrBy},
	{Name: "hincrbyfloat", Summary: "Adds a number to the floating point number in a field of a hash. A missing field counts as 0.", Handler: hashIncrByFloat},
	{Name: "hkeys", Summary: "Returns all fields of a hash.", Handler: hashKeys},
	{Name: "hlen", Summary: "Returns how many fields a hash has.", Handler: hashLen},
	{Name: "hmget", Summary: "Returns the values of several fields of a hash.", Handler: hashMGet},
	{Name: "hmset", Summary: "Sets fields of a hash to values.", Handler: hashMSet},
	{Name: "hrandfield", Summary: "Returns random fields of a hash.", Handler: hashRandField},
	{Name: "hscan", Summary: "Walks through the fields of a hash with their values, a few at a time.", Handler: hashScan},
	{Name: "hset", Summary: "Sets fields of a hash to values. Creates the key if it is missing.", Handler: hashSet},
	{Name: "hsetnx", Summary: "Sets a field of a hash to a value if the hash does not have it.", Handler: hashSetNX},
	{Name: "hstrlen", Summary: "Returns the length of the value of a field of a hash.", Handler: hashStrLen},
	{Name: "hvals", Summary: "Returns all values of a hash.", Handler: hashVals},
}
