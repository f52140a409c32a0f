package command

var serverCommands = []*Command{
	{Name: "info", Flags: WholeKeyspace, Summary: "Tells about the server, in sections.", Handler: info},
	{Name: "lolwut", Summary: "Shows the version.", Handler: lolwut},
	{Name: "role", Summary: "Returns the role in replication: every region is a master.", Handler: role},
	{Name: "time", Summary: "Returns the time: unix seconds and microseconds.", Handler: timeCommand},
	{Name: "debug", Flags: WholeKeyspace, Summary: "Helps in tests, where enable-debug-command allows it.", Handler: debugCommand},
	{Name: "module", Summary: "There are no modules.", Subcommands: []*Command{
		{Name: "module|help", Summary: "Lists the subcommands.", Handler: help},
		{Name: "module|load", Summary: "Refused: there are no modules.", Handler: refuse("MODULE LOAD is not supported: there are no modules")},
		{Name: "module|loadex", Summary: "Refused: there are no modules.", Handler: refuse("MODULE LOADEX is not supported: there are no modules")},
		{Name: "module|unload", Summary: "Refused: there are no modules.", Handler: refuse("MODULE UNLOAD is not supported: there are no modules")},
		{Name: "module|list", Summary: "Lists the modules: none.", Handler: func(c *Context) { c.Out.Array(0) }},
	}},
	{Name: "cluster", Summary: "Cluster mode is off: the database is not sharded.", Subcommands: []*Command{
		{Name: "cluster|help", Summary: "Lists the subcommands.", Handler: help},
		{Name: "cluster|info", Summary: "Refused: cluster mode is off.", Handler: noCluster},
		{Name: "cluster|myid", Summary: "Refused: cluster mode is off.", Handler: noCluster},
		{Name: "cluster|nodes", Summary: "Refused: cluster mode is off.", Handler: noCluster},
		{Name: "cluster|shards", Summary: "Refused: cluster mode is off.", Handler: noCluster},
		{Name: "cluster|slots", Summary: "Refused: cluster mode is off.", Handler: noCluster},
		{Name: "cluster|addslots", Summary: "Refused: cluster mode is off.", Handler: noCluster},
		{Name: "cluster|addslotsrange", Summary: "Refused: cluster mode is off.", Handler: noCluster},
		{Name: "cluster|bumpepoch", Summary: "Refused: cluster mode is off.", Handler: noCluster},
		{Name: "cluster|count-failure-reports", Summary: "Refused: cluster mode is off.", Handler: noCluster},
		{Name: "cluster|countkeysinslot", Summary: "Refused: cluster mode is off.", Handler: noCluster},
		{Name: "cluster|delslots", Summary: "Refused: cluster mode is off.", Handler: noCluster},
		{Name: "cluster|delslotsrange", Summary: "Refused: cluster mode is off.", Handler: noCluster},
		{Name: "cluster|failover", Summary: "Refused: cluster mode is off.", Handler: noCluster},
		{Name: "cluster|flushslots", Summary: "Refused: cluster mode is off.", Handler: noCluster},
		{Name: "cluster|forget", Summary: "Refused: cluster mode is off.", Handler: noCluster},
		{Name: "cluster|getkeysinslot", Summary: "Refused: cluster mode is off.", Handler: noCluster},
		{Name: "cluster|keyslot", Summary: "Refused: cluster mode is off.", Handler: noCluster},
		{Name: "cluster|links", Summary: "Refused: cluster mode is off.", Handler: noCluster},
		{Name: "cluster|meet", Summary: "Refused: cluster mode is off.", Handler: noCluster},
		{Name: "cluster|replicas", Summary: "Refused: cluster mode is off.", Handler: noCluster},
		{Name: "cluster|replicate", Summary: "Refused: cluster mode is off.", Handler: noCluster},
		{Name: "cluster|reset", Summary: "Refused: cluster mode is off.", Handler: noCluster},
		{Name: "cluster|saveconfig", Summary: "Refused: cluster mode is off.", Handler: noCluster},
		{Name: "cluster|set-config-epoch", Summary: "Refused: cluster mode is off.", Handler: noCluster},
		{Name: "cluster|setslot", Summary: "Refused: cluster mode is off.", Handler: noCluster},
		{Name: "cluster|slaves", Summary: "Refused: cluster mode is off.", Handler: noCluster},
	}},
	{Name: "asking", Summary: "Refused: cluster mode is off.", Handler: noCluster},
	{Name: "migrate", Flags: Secret, Summary: "Refused: keys do not move between databases by themselves; DUMP and RESTORE move them.",
		Keys: migrateKeys, Handler: refuse("MIGRATE is not supported: move keys with DUMP and RESTORE")},
	{Name: "restore-asking", Summary: "Refused: cluster mode is off.", Handler: noCluster},
	{Name: "readonly", Summary: "Refused: cluster mode is off.", Handler: noCluster},
	{Name: "readwrite", Summary: "Refused: cluster mode is off.", Handler: noCluster},

	{Name: "replicaof", Summary: "Refused: regions are joined with crdb-cli.", Handler: replicaOf},
	{Name: "slaveof", Summary: "Refused: regions are joined with crdb-cli.", Handler: replicaOf},
	{Name: "failover", Summary: "Refused: there is no leader.", Handler: refuse("FAILOVER requires connected replicas.")},
	{Name: "swapdb", Summary: "Refused: two databases cannot be swapped in all regions at once.",
		Handler: refuse("SWAPDB is not supported: it would not be the same in all regions")},
	{Name: "psync", Summary: "Refused: regions replicate over their own protocol.", Handler: refuse(msgNoSync)},
	{Name: "sync", Summary: "Refused: regions replicate over their own protocol.", Handler: refuse(msgNoSync)},
	{Name: "replconf", Summary: "Refused: regions replicate over their own protocol.", Handler: refuse(msgNoSync)},
}

const (
	msgNoCluster = "This instance has cluster support disabled"
	msgNoSync    = "Redis replication is not supported: regions are joined with crdb-cli"
)

func refuse(why string) Handler { return func(c *Context) { c.Out.Error("ERR " + why) } }

func noCluster(c *Context) { c.Out.Error("ERR " + msgNoCluster) }

// replicaOf allows what changes nothing: a region is a master already.
func replicaOf(c *Context) {
	if equalFold(c.Args[1], "no") && equalFold(c.Args[2], "one") {
		c.Out.OK()
		return
	}
	c.Out.Error("ERR REPLICAOF is not supported: regions are joined with crdb-cli")
}

func role(c *Context) {
	c.Out.Array(3)
	c.Out.BulkString("master")
	c.Out.Int(int64(c.Server.log.Issued().Time))
	c.Out.Array(0)
}

// timeCommand reads the clock anew: the batch's time has no microseconds.
func timeCommand(c *Context) {
	micros := c.Server.opts.Micros()
	c.Out.Array(2)
	c.Out.BulkInt(micros / 1_000_000)
	c.Out.BulkInt(micros % 1_000_000)
}

func lolwut(c *Context) {
	c.Out.Verbatim("txt", "crdb "+c.Server.opts.Version+", compatible with Redis ver. "+redisVersion+"\n")
}
