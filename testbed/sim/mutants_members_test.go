package sim

// mutantsOfMembers are faults of membership and identity.
var mutantsOfMembers = [][]mutant{
	{
		{
			"a starting node does not ask whether it runs already", []change{
				{"control/learn.go", "copied := n.elsewhere(r)", "copied := false"},
				{"control/learn.go", "case other != 0:", "case false:"},
			}, "S9: r10\\d takes writes as replica", joining(plain("clone")),
		},
		{
			"a starting node does not ask who holds more of its log", []change{{"control/learn.go", "case lost != nil:", "case false:"}},
			"S9: .* on a disk that was put back", joining(plain("rewind")),
		},
		{
			"an ID is given out again", []change{{"control/modify.go", "x.ID = c.next.NextID()",
				"x.ID = 1\n\t\tfor _, y := range c.next.Instances {\n\t\t\tx.ID = max(x.ID, y.ID+1)\n\t\t}"}},
			"S9: .* serves as replica", joining(plain("grow", "shrink")),
		},
	},
	{
		{
			"an instance leaves before others have what it has", []change{{"control/drain.go", "if !api.Covers(have, x.goal) {", "if false {"}},
			"S9: .*, acknowledged at ", joining(plain("shrink", "grow", "lone")),
		},
		{
			"an instance that was removed takes writes", []change{{"control/restrain.go", `case code != "":`, `case code != "" && code != api.CodeRemoved:`}},
			"S9: .* has written ", joining(plain("force", "grow")),
		},
		{
			"a delete is given up if somebody does not answer", []change{{"control/delete.go",
				"k.fail(\"\", api.Errorf(0, api.CodeUnreachable, \"the instances named", "n.forget(x)\n\t\tk.fail(\"\", api.Errorf(0, api.CodeUnreachable, \"the instances named"}},
			"S11: deleted databases", joining(plain("other", "away", "cut")),
		},
	},
	{
		{
			"a change is decided without a post", []change{{"control/change.go", "return n.postAll(ctx, k, c)", "return nil, nil"}},
			"S9: .* serves as replica", joining(plain("rivals", "shrink")),
		},
		{
			"the links to a member that was removed stay", []change{{"peer/replicator.go", "if !slices.Contains(ids, l.replica) {", "if false {"}},
			"S9: .* takes ", joining(plain("force", "cut", "grow")),
		},
		{
			"a backup is read in part", []change{{"engine/frozen.go", "from += frozenParts", "from += 2 * frozenParts"}},
			"S(5|11): ", joining(plain("other", "backup")),
		},
	},
}
