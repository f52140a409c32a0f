package api

import (
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// Versions of what nodes say to each other. Nodes of different protocol or
// format versions refuse to share a database.
const (
	ProtocolVersion   = 1 // admin calls between nodes
	FeaturesetVersion = 1 // data types and ops of a database
	FormatVersion     = 1 // layout of a node's data directory
)

// DefaultAdminPort is the admin port of an instance that names none.
const DefaultAdminPort = 9443

// MaxInstances bounds the instances of one database.
const MaxInstances = 64

// MaxFormer bounds the former instances that the configuration of a database names, the
// newest. One change cannot remove as many.
const MaxFormer = 2 * MaxInstances

// maxHost bounds a host name, as DNS does.
const maxHost = 253

// The states of a database's configuration on one node.
const (
	StatusPosted    = "posted"    // prepared here, not decided yet
	StatusCommitted = "committed" // active here
	StatusFailed    = "failed"
	StatusRemoved   = "removed" // this node is no member any more; its data is still here
)

// Database is a database across all its regions: the CRDB object.
type Database struct {
	GUID              string            `json:"guid,omitempty"`
	Name              string            `json:"name"`
	ConfigVersion     int               `json:"config_version,omitempty"`
	ConfigID          string            `json:"config_id,omitempty"` // names this version of the configuration for ever
	CausalConsistency bool              `json:"causal_consistency"`
	Encryption        bool              `json:"encryption"`
	ProtocolVersion   int               `json:"protocol_version,omitempty"`
	FeaturesetVersion int               `json:"featureset_version,omitempty"`
	DefaultDBConfig   DBConfig          `json:"default_db_config"`
	Instances         []Instance        `json:"instances"`
	HighestID         int               `json:"highest_instance_id,omitempty"` // ever given out
	RemovedInstances  []RemovedInstance `json:"removed_instances,omitempty"`
	LocalDatabases    []LocalDatabase   `json:"local_databases,omitempty"`
}

// DBConfig is what may differ from instance to instance of a database.
type DBConfig struct {
	Port           int    `json:"port,omitempty"`            // RESP port; 0: the node chooses a free one
	MemorySize     *int64 `json:"memory_size,omitempty"`     // bytes, 0: no limit; nil: as the node says
	EvictionPolicy string `json:"eviction_policy,omitempty"` // one of EvictionPolicies; empty: as the node says
	AOFPolicy      string `json:"aof_policy,omitempty"`      // one of AOFPolicies; empty: as the node says
}

// Instance is one database on one node. Its ID is the ReplicaID.
type Instance struct {
	ID       int       `json:"id,omitempty"`
	Region   string    `json:"region,omitempty"`
	NodeID   string    `json:"node_id,omitempty"`
	Cluster  Cluster   `json:"cluster"`
	DBConfig *DBConfig `json:"db_config,omitempty"`
	DBUID    int       `json:"db_uid,omitempty"`
}

// Cluster says where the node of an instance is found.
type Cluster struct {
	Name                string `json:"name"`                           // HOST or HOST:ADMINPORT
	URL                 string `json:"url,omitempty"`                  // base of its REST interface
	ReplicationEndpoint string `json:"replication_endpoint,omitempty"` // HOST:PEERPORT
}

// LocalDatabase ties an instance to its number in /v1/bdbs of the node asked.
type LocalDatabase struct {
	BDBUID int    `json:"bdb_uid"`
	ID     int    `json:"id"`
	Status string `json:"status,omitempty"` // why it does not take part as others do; empty: it does
	Reason string `json:"reason,omitempty"`
}

// Port returns the RESP port of the instance i of d: its own, or the default.
func (d *Database) Port(i int) int {
	if c := d.Instances[i].DBConfig; c != nil && c.Port != 0 {
		return c.Port
	}
	return d.DefaultDBConfig.Port
}

// Config returns the settings of the instance i of d: its own over the default.
func (d *Database) Config(i int) DBConfig {
	if c := d.Instances[i].DBConfig; c != nil {
		return c.Over(d.DefaultDBConfig)
	}
	return d.DefaultDBConfig
}

// Find returns the instance on the node with that ID, nil if there is none.
func (d *Database) Find(nodeID string) *Instance {
	for i := range d.Instances {
		if d.Instances[i].NodeID == nodeID {
			return &d.Instances[i]
		}
	}
	return nil
}

// Clone returns a copy that shares nothing with d.
func (d *Database) Clone() *Database {
	c := *d
	c.Instances = append([]Instance(nil), d.Instances...)
	for i := range c.Instances {
		if p := c.Instances[i].DBConfig; p != nil {
			own := *p
			c.Instances[i].DBConfig = &own
		}
	}
	c.RemovedInstances = append([]RemovedInstance(nil), d.RemovedInstances...)
	c.LocalDatabases = append([]LocalDatabase(nil), d.LocalDatabases...)
	return &c
}

var nameForm = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$`)

// CheckName says whether s can name a database or a region.
func CheckName(what, s string) error {
	if nameForm.MatchString(s) {
		return nil
	}
	return fmt.Errorf("%s %q: a name is 1 to 63 letters, digits, dots, dashes and underscores, with a letter or digit at both ends", what, s)
}

var guidForm = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// IsGUID reports whether s has the form of a database GUID or task ID.
func IsGUID(s string) bool { return guidForm.MatchString(s) }

// Validate checks everything about a database to be created that can be known
// without asking its nodes.
func (d *Database) Validate() error {
	if err := CheckName("database", d.Name); err != nil {
		return err
	}
	if len(d.Instances) == 0 {
		return fmt.Errorf("database %q needs at least one instance", d.Name)
	}
	if len(d.Instances) > MaxInstances {
		return fmt.Errorf("database %q has %d instances; the limit is %d", d.Name, len(d.Instances), MaxInstances)
	}
	if d.Encryption {
		return fmt.Errorf("encryption is not available yet")
	}
	seen := map[string]bool{}
	for i := range d.Instances {
		base, err := d.Instances[i].Cluster.BaseURL()
		if err != nil {
			return err
		}
		if seen[base] {
			return fmt.Errorf("instance %s is named twice", d.Instances[i].Cluster.Name)
		}
		seen[base] = true
		c := d.Config(i)
		if err := c.Check(); err != nil {
			return fmt.Errorf("instance %s: %w", d.Instances[i].Cluster.Name, err)
		}
	}
	return nil
}

// BaseURL returns where the REST interface of the cluster is: its URL, or its
// name with the default port.
func (c *Cluster) BaseURL() (string, error) {
	if len(c.Name) > maxHost+len(":65535") {
		return "", fmt.Errorf("the name of an instance has %d bytes; it is HOST or HOST:ADMINPORT", len(c.Name))
	}
	if c.ReplicationEndpoint != "" {
		if _, err := checkHostPort(c.ReplicationEndpoint); err != nil {
			return "", fmt.Errorf("replication endpoint %q is not HOST:PORT", c.ReplicationEndpoint)
		}
	}
	if c.URL == "" {
		return baseOf(c.Name)
	}
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "" {
		return "", fmt.Errorf("url %q is not of the form http://HOST:PORT", c.URL)
	}
	if u.Scheme != "http" {
		return "", fmt.Errorf("url %q: only http is available yet", c.URL)
	}
	return baseOf(u.Host)
}

func baseOf(host string) (string, error) {
	if _, _, err := net.SplitHostPort(host); err != nil {
		host = net.JoinHostPort(strings.Trim(host, "[]"), strconv.Itoa(DefaultAdminPort))
	}
	clean, err := checkHostPort(host)
	if err != nil {
		return "", fmt.Errorf("%q is not HOST or HOST:ADMINPORT", host)
	}
	return "http://" + clean, nil
}

func checkHostPort(s string) (string, error) {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return "", err
	}
	n, err := strconv.Atoi(port)
	if err != nil || n < 1 || n > 65535 || host == "" || len(host) > maxHost || strings.ContainsAny(host, "/@?# \t") {
		return "", fmt.Errorf("%q is not HOST:PORT", s)
	}
	return net.JoinHostPort(strings.ToLower(host), port), nil
}

// Decode reads one JSON value into v. A field v does not have, or anything
// after the value, is an error.
func Decode(data []byte, v any) error {
	d := json.NewDecoder(strings.NewReader(string(data)))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("the body is not the expected JSON: %w", err)
	}
	if d.More() {
		return fmt.Errorf("the body holds more than one JSON value")
	}
	return nil
}
