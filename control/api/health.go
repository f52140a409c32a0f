package api

import (
	"cmp"
	"fmt"
	"strings"
	"time"
)

// HealthReport is what one cluster says about a database.
type HealthReport struct {
	ClusterName         string                `json:"cluster_name"`
	Region              string                `json:"region,omitempty"`
	GUID                string                `json:"guid"`
	Name                string                `json:"name"`
	ActiveConfigVersion int                   `json:"active_config_version"`
	Status              string                `json:"status,omitempty"` // why the instance takes no writes, as an error code; empty: it does
	Alarm               string                `json:"alarm,omitempty"`  // the same for people, with what to do
	ConnectionError     string                `json:"connection_error,omitempty"`
	Configurations      []ConfigurationHealth `json:"configurations"`
	Connections         []ConnectionHealth    `json:"connections"`
}

// ConfigurationHealth is one version of a database's configuration as a
// cluster knows it.
type ConfigurationHealth struct {
	Name              string     `json:"name"`
	Version           int        `json:"version"`
	Status            string     `json:"status"`
	CausalConsistency bool       `json:"causal_consistency"`
	Encryption        bool       `json:"encryption"`
	FeaturesetVersion int        `json:"featureset_version"`
	ProtocolVersion   int        `json:"protocol_version"`
	Instances         []Instance `json:"instances"`
}

// ConnectionHealth is how a cluster sees another one.
type ConnectionHealth struct {
	Name       string            `json:"name"`
	Status     string            `json:"status"`
	LagSeconds float64           `json:"lag_seconds"`
	LastError  string            `json:"last_error,omitempty"`
	Links      []ReplicationLink `json:"replication_links"`
	Held       *HeldHealth       `json:"held,omitempty"`     // operations from there that wait for the clock here
	Stuck      *StuckHealth      `json:"stuck,omitempty"`    // operations from there that wait for others, which nobody sends
	Transfer   *TransferHealth   `json:"transfer,omitempty"` // of the state from there, while it is under way
}

// Trouble says for people what is wrong with the connection, "" if nothing is.
func (c *ConnectionHealth) Trouble() string {
	switch {
	case c.Held != nil:
		return c.Held.String()
	case c.Stuck != nil:
		return c.Stuck.String()
	case c.LastError == "" && c.Transfer != nil && c.Transfer.Error != "":
		return "the state transfer waits: " + c.Transfer.Error
	}
	return c.LastError
}

// StuckHealth is what an instance holds back of another one because it depends
// on operations that no member sends: applied without them it would be wrong.
type StuckHealth struct {
	Blocks  int           `json:"blocks"`
	Bytes   int           `json:"bytes"`
	Seconds float64       `json:"seconds"` // since the first block last came closer to being applied
	After   uint64        `json:"after"`   // the first block has the operations behind After up to Last
	Last    uint64        `json:"last"`
	Missing []MissingPart `json:"missing"`
}

// MissingPart is a part of an instance's log. Times are stamps; the upper 48 bits are
// milliseconds.
type MissingPart struct {
	ID     int    `json:"id"`
	Region string `json:"region,omitempty"` // empty: no member any more
	Here   uint64 `json:"here"`             // up to here its log is here; from Needed on: it waits itself
	Needed uint64 `json:"needed"`
}

// String says it for people.
func (h *StuckHealth) String() string {
	var parts []string
	for _, m := range h.Missing {
		who := fmt.Sprintf("instance %d (%s)", m.ID, cmp.Or(m.Region, "removed"))
		if m.Here >= m.Needed {
			parts = append(parts, who+", which are held, too")
		} else {
			parts = append(parts, fmt.Sprintf("%s up to %s, of which %s are here", who, stamp(m.Needed), upTo(m.Here)))
		}
	}
	return fmt.Sprintf("operations from there behind %s are held for %.0f s, and no member sends what they depend on: operations of %s",
		stamp(h.After), h.Seconds, strings.Join(parts, "; of "))
}

func upTo(t uint64) string {
	if t == 0 {
		return "none"
	}
	return "those up to " + stamp(t)
}

// stamp writes a stamp as the time in it, and the counter.
func stamp(t uint64) string {
	if t == 0 {
		return "the beginning"
	}
	return fmt.Sprintf("%s/%d", time.UnixMilli(int64(t>>16)).UTC().Format("2006-01-02T15:04:05.000Z"), t&0xffff)
}

// HeldHealth is what an instance holds back of another one because it is
// stamped too far ahead of its clock. More of it may be in the other's log.
type HeldHealth struct {
	Blocks       int     `json:"blocks"`
	Bytes        int     `json:"bytes"`
	AheadSeconds float64 `json:"ahead_seconds"` // of the first block, now
}

// String says it for people.
func (h *HeldHealth) String() string {
	return fmt.Sprintf("operations from there are held: they are stamped %.1f s ahead of the clock here", h.AheadSeconds)
}

// TransferHealth is how far a state transfer has come.
type TransferHealth struct {
	Percent        float64 `json:"percent"`
	Bytes          uint64  `json:"bytes"`
	BytesPerSecond float64 `json:"bytes_per_second"`
	LeftSeconds    float64 `json:"left_seconds,omitempty"` // not known: 0
	Error          string  `json:"error,omitempty"`
}

// String says it for people, "-" if there is none.
func (t *TransferHealth) String() string {
	if t == nil {
		return "-"
	}
	s := fmt.Sprintf("%.1f %%, %.1f MB, %.1f MB/s", t.Percent, float64(t.Bytes)/1e6, t.BytesPerSecond/1e6)
	if t.LeftSeconds > 0 {
		s += fmt.Sprintf(", %.0f s left", t.LeftSeconds)
	}
	return s
}

// ReplicationLink is one link of a connection.
type ReplicationLink struct {
	UID    string `json:"link_uid"`
	Status string `json:"status"` // up or down
}

// Link states.
const (
	LinkUp   = "up"
	LinkDown = "down"
)

// Healthy reports whether every cluster answered, has the configuration active
// sees all the others and applies what comes from them.
func Healthy(reports []HealthReport) bool {
	for _, r := range reports {
		if r.Status != "" || r.ConnectionError != "" || r.ActiveConfigVersion == 0 {
			return false
		}
		for _, c := range r.Connections {
			if c.Status != LinkUp || c.Held != nil || c.Stuck != nil {
				return false
			}
		}
	}
	return len(reports) > 0
}

// BDB is the part of a database that lives on the node asked. Clients that
// fail over between regions find their database here by its endpoint.
type BDB struct {
	UID       int        `json:"uid"`
	Name      string     `json:"name"`
	GUID      string     `json:"crdt_guid"`
	CRDT      bool       `json:"crdt"`
	Status    string     `json:"status"`
	Port      int        `json:"port"`
	ReplicaID int        `json:"crdt_replica_id"`
	Sync      string     `json:"crdt_sync"`
	Endpoints []Endpoint `json:"endpoints"`
}

// Endpoint is where clients reach a BDB.
type Endpoint struct {
	UID     string   `json:"uid"`
	DNSName string   `json:"dns_name"`
	Addr    []string `json:"addr"`
	Port    int      `json:"port"`
}
