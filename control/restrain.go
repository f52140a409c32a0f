package control

import (
	"errors"
	"fmt"

	"crdb/control/api"
)

// This file is why an instance takes no writes although its log could.

// fault is why an instance may not go on under its ID.
type fault struct {
	Code string `json:"error_code"`
	Text string `json:"description"`
}

const (
	codeLeaving = "instance_leaving"
	faultNoData = "data_lost" // there is nothing to serve either
)

// restraint says why the instance of a record takes no writes, as a code and
// for people; both are empty if it does.
func (r *record) restraint() (code, why string) {
	d := r.Database
	switch {
	case r.Status == api.StatusRemoved && r.Deleted:
		return api.CodeRemoved, fmt.Sprintf("database %q was deleted in the other regions. What is here can still be read; crdb-cli crdb purge-instance removes it", d.Name)
	case r.Status == api.StatusRemoved:
		version := d.ConfigVersion
		if gone := d.Removed(r.Replica); gone != nil {
			version = gone.Version
		}
		return api.CodeRemoved, fmt.Sprintf("this region was removed from database %q in configuration version %d; write to another region. "+
			"What is here can still be read; crdb-cli crdb purge-instance removes it", d.Name, version)
	case r.Fault != nil:
		return r.Fault.Code, r.Fault.Text
	}
	for x := range r.Posted.each() {
		if x.Database.Removed(r.Replica) != nil {
			return codeLeaving, leavingText
		}
	}
	return "", ""
}

const leavingText = "this region is leaving the database; write to another region"

// restraint is that of the record, or what holds for this run of the node; none of a
// database that was dropped since it was looked up.
func (db *database) restraint() (code, why string) {
	if db == nil {
		return "", ""
	}
	if code, why = db.record.restraint(); code == "" && db.halted != nil {
		return db.halted.Code, db.halted.Text
	}
	return code, why
}

// restrain lets clients of an instance write, or tells it why not. The caller
// holds change, or nobody else knows the instance yet.
func (n *Node) restrain(db *database) {
	code, why := db.restraint()
	n.mu.Lock()
	draining := n.mu.drains[db.record.Database.GUID] != nil
	n.mu.Unlock()
	switch {
	case code != "":
		db.inst.Forbid(errors.New(why))
	case db.unchecked: // as it was opened
	case draining:
		db.inst.Forbid(errors.New(leavingText))
	default:
		db.inst.Forbid(nil)
	}
	if code == "" {
		n.isOver(db.record.Database.GUID, noWrites)
	}
}

const noWrites = "an instance takes no writes"

// alarm says in the node's log that an instance takes no writes, and what to do: once, though
// what is found before it serves is met again when it does.
func (n *Node) alarm(db *database) {
	code, why := db.restraint()
	if code == "" {
		return
	}
	if times, _ := n.quiet.Add(trouble{db.record.Database.GUID, noWrites, why}); times == 1 {
		n.log.Error(noWrites, "database", db.record.Database.Name, "guid", db.record.Database.GUID,
			"replica", db.record.Replica, "code", code, "why", why)
	}
}
