package api

import "fmt"

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
	Transfer   *TransferHealth   `json:"transfer,omitempty"` // of the state from there, while it is under way
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
			if c.Status != LinkUp || c.Held != nil {
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
