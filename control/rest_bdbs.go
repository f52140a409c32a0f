package control

import (
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"

	"crdb/control/api"
)

// This file is /v1/bdbs: what client libraries ask to fail over between
// regions, and load balancers to choose a node.

func (n *Node) getBDBs(r *http.Request) (any, error) {
	if err := n.checkLoaded(); err != nil {
		return nil, err
	}
	all := []any{}
	for _, rec := range n.hosted() {
		all = append(all, n.bdb(r, rec))
	}
	return all, nil
}

func (n *Node) getBDB(r *http.Request) (any, error) {
	rec, err := n.findUID(r)
	if err != nil {
		return nil, err
	}
	return n.bdb(r, rec), nil
}

// bdb describes a database as the BDB on this node. Its endpoint is the
// address the caller reached the node at: the one it knows.
func (n *Node) bdb(r *http.Request, rec *record) any {
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	addrs := []string{host}
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		if ip, _, err := net.SplitHostPort(local.String()); err == nil && ip != host {
			addrs = append(addrs, ip)
		}
	}
	b := api.BDB{UID: rec.UID, Name: rec.Database.Name, GUID: rec.Database.GUID, CRDT: true, Status: "active",
		Port: rec.Port, ReplicaID: rec.Replica, Sync: "enabled",
		Endpoints: []api.Endpoint{{UID: fmt.Sprintf("%d:1", rec.UID), DNSName: host, Addr: addrs, Port: rec.Port}}}
	if code, _ := rec.restraint(); code != "" {
		b.Status, b.Sync = code, "stopped"
	}
	fields := r.URL.Query().Get("fields")
	if fields == "" {
		return b
	}
	return pick(b, strings.Split(fields, ","))
}

// pick returns only some fields of a BDB.
func pick(b api.BDB, fields []string) map[string]any {
	all := map[string]any{"uid": b.UID, "name": b.Name, "crdt_guid": b.GUID, "crdt": b.CRDT, "status": b.Status,
		"port": b.Port, "crdt_replica_id": b.ReplicaID, "crdt_sync": b.Sync, "endpoints": b.Endpoints}
	some := map[string]any{}
	for _, f := range fields {
		if v, ok := all[strings.TrimSpace(f)]; ok {
			some[strings.TrimSpace(f)] = v
		}
	}
	return some
}

func (n *Node) findUID(r *http.Request) (*record, error) {
	uid, err := strconv.Atoi(r.PathValue("uid"))
	for _, rec := range n.hosted() {
		if err == nil && rec.UID == uid {
			return rec, nil
		}
	}
	if err := n.checkLoaded(); err != nil {
		return nil, err
	}
	for _, u := range n.allUnopened() {
		if err == nil && u.record.UID == uid {
			return nil, api.Errorf(http.StatusServiceUnavailable, api.CodeUnavailable, "%v", u)
		}
	}
	return nil, api.Errorf(http.StatusNotFound, api.CodeDBNotFound, "this node has no database number %q", r.PathValue("uid"))
}

// getAvailability answers 200 when the database serves clients here, with
// extend_check=lag only when it also is up to date with the other regions.
func (n *Node) getAvailability(r *http.Request) (any, error) {
	tolerance, err := milliseconds(r, "availability_lag_tolerance_ms", defaultLagTolerance)
	if err != nil {
		return nil, err
	}
	check := r.URL.Query().Get("extend_check")
	if check != "" && check != "lag" {
		return nil, api.Errorf(http.StatusBadRequest, api.CodeBadRequest, "extend_check=%s is not known; possible: lag", check)
	}
	rec, err := n.findUID(r)
	if err != nil {
		return nil, err
	}
	if check == "" {
		tolerance = -1
	}
	if err := n.checkServing(); err != nil {
		return nil, api.Errorf(http.StatusServiceUnavailable, api.CodeUnavailable, "%v", err)
	}
	if why := n.unfit(rec, tolerance); why != "" {
		return nil, api.Errorf(http.StatusServiceUnavailable, api.CodeUnavailable, "database %q: %s", rec.Database.Name, why)
	}
	return struct{}{}, nil
}
