package command

// crdtCommands are our own: what an app team or an operator asks of a database
// with several regions.
var crdtCommands = []*Command{
	{Name: "crdt.explain", Summary: "Tells everything live of a key or one of its elements, who wrote it, and why what shows is shown.", Handler: crdtExplain},
	{Name: "crdt.token", Summary: "Returns what this instance has seen so far, as a short text for CRDT.WAIT in any region.", Handler: crdtToken},
	{Name: "crdt.wait", Summary: "Waits until this instance has seen what a CRDT.TOKEN stands for.", Handler: crdtWait},
	{Name: "crdt.conflicts", Summary: "Tells about conflicts that operations of other regions have met here.", Subcommands: []*Command{
		{Name: "crdt.conflicts|get", Summary: "Returns the last conflicts, newest first.", Handler: conflictsGet},
		{Name: "crdt.conflicts|help", Summary: "Lists the subcommands.", Handler: help},
		{Name: "crdt.conflicts|len", Summary: "Returns how many conflicts are kept.", Handler: conflictsLen},
		{Name: "crdt.conflicts|reset", Summary: "Forgets the conflicts that are kept; the counts go on.", Handler: conflictsReset},
		{Name: "crdt.conflicts|stats", Summary: "Returns how many conflicts there were, by kind and type.", Handler: conflictsStats},
	}},
}
