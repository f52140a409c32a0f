package command

import "crdb/engine"

var pubsubCommands = []*Command{
	{Name: "subscribe", Flags: RunsSubscribed, Summary: "Listens to channels.", Handler: subscribe(byChannel)},
	{Name: "unsubscribe", Flags: RunsSubscribed, Summary: "Stops listening to channels: those named, or all.", Handler: unsubscribe(byChannel)},
	{Name: "psubscribe", Flags: RunsSubscribed, Summary: "Listens to the channels that match patterns.", Handler: subscribe(byPattern)},
	{Name: "punsubscribe", Flags: RunsSubscribed, Summary: "Stops listening to patterns: those named, or all.", Handler: unsubscribe(byPattern)},
	{Name: "ssubscribe", Flags: RunsSubscribed, Summary: "Listens to shard channels, which stay within their region.", Handler: subscribe(byShard)},
	{Name: "sunsubscribe", Flags: RunsSubscribed, Summary: "Stops listening to shard channels: those named, or all.", Handler: unsubscribe(byShard)},
	{Name: "publish", Flags: MayReplicate, Summary: "Sends a message to the subscribers of a channel, in all regions.", Handler: publish},
	{Name: "spublish", Flags: MayReplicate, Summary: "Sends a message to the subscribers of a shard channel in this region.", Handler: publishShard},
	{Name: "pubsub", Summary: "Tells about channels and their subscribers.", Subcommands: []*Command{
		{Name: "pubsub|channels", Summary: "Lists the channels that have subscribers here.", Handler: pubsubChannels},
		{Name: "pubsub|numsub", Summary: "Counts the subscribers of channels here.", Handler: pubsubNumSub},
		{Name: "pubsub|numpat", Summary: "Counts the patterns somebody listens to here.", Handler: pubsubNumPat},
		{Name: "pubsub|shardchannels", Summary: "Lists the shard channels that have subscribers.", Handler: pubsubShardChannels},
		{Name: "pubsub|shardnumsub", Summary: "Counts the subscribers of shard channels.", Handler: pubsubShardNumSub},
		{Name: "pubsub|help", Summary: "Lists the subcommands.", Handler: help},
	}},
}

// publish delivers here at once and to the other regions in the background.
// The reply counts the receivers here.
func publish(c *Context) {
	n := c.Server.pubsub.Publish(c.Args[1], c.Args[2])
	c.Server.repl.Publish(c.Args[1], c.Args[2])
	c.published(n)
}

func publishShard(c *Context) { c.published(c.Server.shards.Publish(c.Args[1], c.Args[2])) }

// published replies; a client that hears its own message hears it first.
// Within EXEC the message must wait, or it would stand among the replies.
func (c *Context) published(n int) {
	if c.S.mode&modeExec == 0 {
		c.S.takeInbox()
		c.S.keepPushes()
	}
	c.Out.Int(int64(n))
}

func pubsubChannels(c *Context)      { listChannels(c, c.Server.pubsub) }
func pubsubShardChannels(c *Context) { listChannels(c, c.Server.shards) }

func listChannels(c *Context, p *engine.PubSub) {
	if len(c.Args) > 3 {
		c.errorSub()
		return
	}
	found := make(map[string]struct{})
	p.Channels(func(name string) {
		if len(c.Args) < 3 || globMatch(c.Args[2], []byte(name)) {
			found[name] = struct{}{}
		}
	})
	c.Out.Array(len(found))
	for _, name := range sortedNames(found) {
		c.Out.BulkString(name)
	}
}

func pubsubNumSub(c *Context)      { countSubscribers(c, c.Server.pubsub) }
func pubsubShardNumSub(c *Context) { countSubscribers(c, c.Server.shards) }

func countSubscribers(c *Context, p *engine.PubSub) {
	names := c.Args[2:]
	c.Out.Array(2 * len(names))
	for _, name := range names {
		c.Out.Bulk(name)
		c.Out.Int(int64(p.NumSub(name)))
	}
}

func pubsubNumPat(c *Context) { c.Out.Int(int64(c.Server.pubsub.NumPat())) }
