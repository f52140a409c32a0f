package host

import (
	"slices"

	"crdb/command"
	"crdb/control"
	"crdb/control/api"
	"crdb/crdt"
)

// This file is what a change of the membership asks of an instance.

// positions turns a vector into what goes over the wire.
func positions(vv crdt.VersionVector) []api.Position {
	all := make([]api.Position, 0, len(vv))
	for _, e := range vv {
		all = append(all, api.Position{ID: int(e.Replica), Time: uint64(e.Time)})
	}
	return all
}

// Holdings is part of control.Instance.
func (i *instance) Holdings() control.Holdings {
	h := control.Holdings{Durable: positions(i.log.Durable()), Issued: uint64(i.log.Issued().Time), Others: []api.Holding{}}
	for id, vv := range i.repl.Held() {
		h.Others = append(h.Others, api.Holding{ID: int(id), Durable: positions(vv)})
	}
	slices.SortFunc(h.Others, func(a, b api.Holding) int { return a.ID - b.ID })
	return h
}

// End is part of control.Instance.
func (i *instance) End(replica int) (control.End, error) {
	t, hash, err := i.repl.OwnEnd(crdt.ReplicaID(replica))
	return control.End{Time: uint64(t), Hash: hash}, err
}

// OtherRun is part of control.Instance.
func (i *instance) OtherRun(replica int, run uint64) bool {
	return i.repl.SeesOtherRun(crdt.ReplicaID(replica), run)
}

// Configure is part of control.Instance.
func (i *instance) Configure(settings map[string]string) error {
	if len(settings) == 0 {
		return nil
	}
	list := make([]command.Setting, 0, len(settings))
	for name, value := range settings {
		list = append(list, command.Setting{Name: name, Value: value})
	}
	return i.config.SetAll(list)
}
