package control

import (
	"errors"
	"io/fs"
	"net/http"
	"slices"

	"crdb/control/api"
)

// This file is what a node remembers of the instances that it hosted and that
// are gone. IDs are never reused: what a slow coordinator still says of such an
// instance must not make it anew, with an empty log under its old ID.

// gone is an instance that this node hosted. Those of the same database with
// lower IDs are gone too.
type gone struct {
	GUID    string `json:"guid"`
	Name    string `json:"name,omitempty"` // of the database; earlier builds did not write it down
	Replica int    `json:"id"`
	Deleted bool   `json:"deleted,omitempty"` // with the database
}

const (
	goneFile = "gone.json"
	maxGone  = 1000
)

// readGone reads what was written down; nothing if there is no file.
func (d *dir) readGone() (all []gone, err error) {
	err = d.read(&all, goneFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return all, err
}

// remember writes down that the instance of a record is gone. The caller holds
// change.
func (n *Node) remember(r *record, deleted bool) error {
	all := slices.DeleteFunc(slices.Clone(n.gone), func(x gone) bool { return x.GUID == r.Database.GUID })
	all = append(all, gone{r.Database.GUID, r.Database.Name, r.Replica, deleted})
	if len(all) > maxGone {
		all = all[1:]
	}
	if err := n.dir.write(all, goneFile); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.gone = all
	return nil
}

// wasDeletedLocked reports whether the instance of a database went with it. The caller
// holds mu.
func (n *Node) wasDeletedLocked(guid string) bool {
	return slices.ContainsFunc(n.gone, func(x gone) bool { return x.GUID == guid && x.Deleted })
}

// hasLeft reports whether an instance of a database of this name was here and is gone, while
// the database is, or was, in use elsewhere.
func (n *Node) hasLeft(name string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.ContainsFunc(n.gone, func(x gone) bool { return x.Name == name && !x.Deleted })
}

// checkGone refuses an instance that was here. The caller holds change.
func (n *Node) checkGone(guid string, replica int) error {
	for _, x := range n.gone {
		if x.GUID == guid && replica <= x.Replica {
			return api.Errorf(http.StatusConflict, api.CodeRemoved, "instance %d of database %s was at region %s and is removed for good", replica, guid, n.opts.Settings.Region)
		}
	}
	return nil
}
