package control

// trouble is one that lasts. Its error is no part of it: a node that is away fails
// calls in more than one way.
type trouble struct{ guid, what, with string }

// warnRarely logs what lasts until somebody acts, and that about a database.
func (n *Node) warnRarely(t trouble, args ...any) {
	if times, show := n.quiet.Add(t); show {
		n.log.Warn(t.what, append(args, "times", times)...)
	}
}

// isOver starts the counts of a trouble of a database again, with whomever it was.
func (n *Node) isOver(guid, what string) {
	n.quiet.Forget(func(t trouble) bool { return t.guid == guid && t.what == what })
}
