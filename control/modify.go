package control

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"crdb/control/api"
	"crdb/crdt"
)

// This file is what a change of a configuration asks for.

// change is a change of a committed configuration, as its coordinator sees it.
type change struct {
	base, next *api.Database
	added      []int           // IDs of next's new instances
	leaving    []*api.Instance // of base: they hand over what they have, and go
	gone       []*api.Instance // of base: they are not asked
	backup     string          // on the node of the one that is added; empty: none
}

// startModify checks what can be checked at once and starts the task.
func (n *Node) startModify(rq request, guid string, m *api.Modify) (*api.Task, error) {
	if err := n.checkReady(); err != nil {
		return nil, err
	}
	r, err := n.find(guid)
	if err != nil {
		return nil, err
	}
	if code, why := n.database(guid).restraint(); code != "" && code != codeLeaving && !m.ForceRemove {
		return nil, api.Errorf(http.StatusConflict, code, "ask another member for this change, since instance %d, at this node, is to be recovered itself, and the others may be forcing it out: %s", r.Replica, why)
	}
	c, err := n.plan(r.Database, m)
	if err != nil {
		return nil, err
	}
	op := api.OpUpdate
	switch {
	case len(c.added) > 0:
		op = api.OpAdd
	case len(m.RemoveInstances) > 0:
		op = api.OpRemove
	}
	return n.tasks.start(rq, op, guid, func(ctx context.Context, k *task) error { return n.modify(ctx, k, c) })
}

// plan makes the configuration that a change asks for; what the nodes must say
// of new instances is left out.
func (n *Node) plan(base *api.Database, m *api.Modify) (*change, error) {
	base = base.Clone()
	base.ForgetFormer()
	c := &change{base: base, next: base.Clone()}
	c.next.ConfigVersion, c.next.ConfigID = base.ConfigVersion+1, n.newGUID()
	c.next.HighestID = base.NextID() - 1
	if err := c.remove(m); err != nil {
		return nil, err
	}
	if err := c.add(m); err != nil {
		return nil, err
	}
	if err := c.update(m.Update); err != nil {
		return nil, err
	}
	switch {
	case len(c.next.Instances) == 0:
		return nil, badRequest("no instance would be left; delete the database instead")
	case len(c.next.Instances) == len(c.added): // who joins has nobody to get the state from
		return nil, badRequest("no instance would be left that has the data; add the new ones first, wait until they have caught up, and remove the others then")
	case len(c.added) == 0 && len(c.leaving) == 0 && len(c.gone) == 0 && !m.ForceUpdate && c.same():
		return nil, badRequest("nothing would change; force_update (--force of crdb-cli) makes a new version all the same")
	}
	if err := c.next.Validate(); err != nil {
		return nil, badRequest("%v", err)
	}
	c.next.ForgetFormer()
	return c, nil
}

func badRequest(format string, args ...any) error {
	return api.Errorf(http.StatusBadRequest, api.CodeBadRequest, format, args...)
}

// same reports whether no setting changes.
func (c *change) same() bool {
	return reflect.DeepEqual(c.base.DefaultDBConfig, c.next.DefaultDBConfig) && reflect.DeepEqual(c.base.Instances, c.next.Instances)
}

// remove takes instances out of the configuration to come.
func (c *change) remove(m *api.Modify) error {
	for i, id := range m.RemoveInstances {
		x := c.base.Instance(id)
		switch old := c.base.Removed(id); {
		case slices.Contains(m.RemoveInstances[:i], id):
			return badRequest("instance %d is named twice", id)
		case x == nil && old != nil:
			return api.Errorf(http.StatusNotFound, api.CodeNotFound, "instance %d was removed in configuration version %d", id, old.Version)
		case x == nil:
			return api.Errorf(http.StatusNotFound, api.CodeNotFound, "database %s has no instance %d", c.base.GUID, id)
		}
		if m.ForceRemove {
			c.gone = append(c.gone, x)
		} else {
			c.leaving = append(c.leaving, x)
		}
		c.next.Instances = slices.DeleteFunc(c.next.Instances, func(y api.Instance) bool { return y.ID == id })
		c.next.RemovedInstances = append(c.next.RemovedInstances, api.RemovedInstance{ID: id, Region: x.Region, NodeID: x.NodeID,
			Cluster: x.Cluster, Port: c.base.Port(slices.IndexFunc(c.base.Instances, func(y api.Instance) bool { return y.ID == id })),
			Version: c.next.ConfigVersion, Forced: m.ForceRemove})
	}
	return nil
}

// add gives new instances IDs that were never used.
func (c *change) add(m *api.Modify) error {
	if c.backup = m.Backup; c.backup != "" && len(m.AddInstances) != 1 {
		return badRequest("a backup is on the node of one instance: add one at a time")
	}
	for _, x := range m.AddInstances {
		if x.ID != 0 || x.NodeID != "" || x.Region != "" {
			return badRequest("id, node_id and region of an instance are assigned by the nodes; leave them out")
		}
		for _, y := range c.next.Instances {
			if strings.EqualFold(y.Cluster.Name, x.Cluster.Name) && !slices.Contains(c.added, y.ID) {
				return badRequest("instance %d of the database is at %s already", y.ID, y.Cluster.Name)
			}
		}
		x.ID = c.next.NextID()
		if x.ID > crdt.MaxReplicas {
			return errIDs(x.ID - 1)
		}
		c.next.HighestID = x.ID
		c.next.Instances = append(c.next.Instances, x)
		c.added = append(c.added, x.ID)
	}
	return nil
}

// raise leaves out IDs that another change of the same version has given out.
func (c *change) raise(highest int) error {
	by := highest - (c.base.NextID() - 1)
	if by <= 0 {
		return nil
	}
	if c.next.HighestID += by; c.next.HighestID > crdt.MaxReplicas {
		return errIDs(c.next.HighestID - 1)
	}
	for i, id := range c.added {
		x := c.next.Instance(id)
		x.ID += by
		c.added[i] = x.ID
	}
	return nil
}

func errIDs(had int) error {
	return api.Errorf(http.StatusConflict, api.CodeLimit, "the database has had %d instances, and IDs are never given out again; the limit is %d", had, crdt.MaxReplicas)
}

// update changes settings.
func (c *change) update(u *api.Update) error {
	if u == nil {
		return nil
	}
	if p := u.DefaultDBConfig; p != nil {
		if p.Port != 0 && p.Port != c.next.DefaultDBConfig.Port {
			return errPort
		}
		c.next.DefaultDBConfig = p.Over(c.next.DefaultDBConfig)
	}
	for _, w := range u.Instances {
		x := c.next.Instance(w.ID)
		if x == nil {
			return api.Errorf(http.StatusNotFound, api.CodeNotFound, "database %s has no instance %d", c.base.GUID, w.ID)
		}
		var own api.DBConfig
		if x.DBConfig != nil {
			own = *x.DBConfig
		}
		if w.DBConfig.Port != 0 && w.DBConfig.Port != own.Port {
			return errPort
		}
		own = w.DBConfig.Over(own)
		x.DBConfig = &own
	}
	return nil
}

var errPort = badRequest("the port of an instance cannot be changed; remove the instance and add it with another port")

// title says for people what the change does.
func (c *change) title() string {
	return fmt.Sprintf("configuration version %d", c.next.ConfigVersion)
}
