package api

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"context"
)

// Modify is a change of which nodes have an instance of a database, and of its
// settings: the body of POST /v1/crdbs/{guid}/updates.
type Modify struct {
	AddInstances    []Instance `json:"add_instances,omitempty"`
	RemoveInstances []int      `json:"remove_instances,omitempty"` // by ID
	ForceRemove     bool       `json:"force_remove,omitempty"`     // do not ask those that are removed
	Update          *Update    `json:"crdb,omitempty"`
	ForceUpdate     bool       `json:"force_update,omitempty"` // make a new version even if nothing changes
	// Backup is a directory on the node of the one instance that is added, with a
	// backup of the database: what has not changed since need not be sent there.
	Backup string `json:"backup_dir,omitempty"`
}

// Update is the part of a Database that can be changed later: the body of
// PATCH /v1/crdbs/{guid}. What is not named stays as it is.
type Update struct {
	DefaultDBConfig *DBConfig        `json:"default_db_config,omitempty"`
	Instances       []InstanceUpdate `json:"instances,omitempty"`
}

// InstanceUpdate sets what one instance has other than the default.
type InstanceUpdate struct {
	ID       int      `json:"id"`
	DBConfig DBConfig `json:"db_config"`
}

// RemovedInstance is an instance that the database had once. Its ID is never
// given out again.
type RemovedInstance struct {
	ID      int     `json:"id"`
	Region  string  `json:"region"`
	NodeID  string  `json:"node_id"`
	Cluster Cluster `json:"cluster"`
	Port    int     `json:"port,omitempty"` // for clients
	Version int     `json:"config_version"` // that removed it
	Forced  bool    `json:"forced,omitempty"`
}

// What the settings of a database may be.
var (
	EvictionPolicies = []string{"noeviction", "allkeys-lru", "allkeys-lfu", "allkeys-random", "volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl"}
	AOFPolicies      = []string{"appendfsync-every-sec", "appendfsync-always"}
)

// Check says whether the settings have values that exist.
func (c *DBConfig) Check() error {
	switch {
	case c.MemorySize != nil && *c.MemorySize < 0:
		return fmt.Errorf("memory_size %d is not a number of bytes; 0 is no limit", *c.MemorySize)
	case c.EvictionPolicy != "" && !slices.Contains(EvictionPolicies, c.EvictionPolicy):
		return fmt.Errorf("eviction_policy %q is none of %v", c.EvictionPolicy, EvictionPolicies)
	case c.AOFPolicy != "" && !slices.Contains(AOFPolicies, c.AOFPolicy):
		return fmt.Errorf("aof_policy %q is none of %v", c.AOFPolicy, AOFPolicies)
	case c.Port < 0 || c.Port > 65535:
		return fmt.Errorf("port %d is not a port", c.Port)
	}
	return nil
}

// Over returns the settings of c, and those of d where c says nothing.
func (c DBConfig) Over(d DBConfig) DBConfig {
	if c.Port == 0 {
		c.Port = d.Port
	}
	if c.MemorySize == nil {
		c.MemorySize = d.MemorySize
	}
	if c.EvictionPolicy == "" {
		c.EvictionPolicy = d.EvictionPolicy
	}
	if c.AOFPolicy == "" {
		c.AOFPolicy = d.AOFPolicy
	}
	return c
}

// Without returns those settings of c that d has none of, and no port.
func (c DBConfig) Without(d DBConfig) DBConfig {
	c.Port = 0
	if d.MemorySize != nil {
		c.MemorySize = nil
	}
	if d.EvictionPolicy != "" {
		c.EvictionPolicy = ""
	}
	if d.AOFPolicy != "" {
		c.AOFPolicy = ""
	}
	return c
}

// Instance returns the instance with that ID, nil if there is none.
func (d *Database) Instance(id int) *Instance {
	for i := range d.Instances {
		if d.Instances[i].ID == id {
			return &d.Instances[i]
		}
	}
	return nil
}

// Removed returns the removed instance with that ID, nil if there is none.
func (d *Database) Removed(id int) *RemovedInstance {
	for i := range d.RemovedInstances {
		if d.RemovedInstances[i].ID == id {
			return &d.RemovedInstances[i]
		}
	}
	return nil
}

// LastOf returns the instance of a region that was removed last, nil if none was.
func (d *Database) LastOf(region string) *RemovedInstance {
	for i := len(d.RemovedInstances) - 1; i >= 0; i-- {
		if d.RemovedInstances[i].Region == region {
			return &d.RemovedInstances[i]
		}
	}
	return nil
}

// ForgetFormer leaves out the oldest of the removed instances, of which nobody asks any more:
// where to come back to, and whom to ask at a start, say the last ones. With MaxInstances and
// the length of host names it bounds a configuration, two of which are one body of a Post.
func (d *Database) ForgetFormer() {
	if more := len(d.RemovedInstances) - MaxFormer; more > 0 {
		d.RemovedInstances = slices.Clone(d.RemovedInstances[more:])
	}
}

// NextID returns the ID of the next instance to be added: one that was never
// given out.
func (d *Database) NextID() int {
	id := d.HighestID
	for _, x := range d.Instances {
		id = max(id, x.ID)
	}
	return id + 1
}

// Post tells a member of a configuration to come: the first phase of a change.
type Post struct {
	Database    *Database `json:"crdb"`
	Base        *Database `json:"base"`        // the committed configuration it follows
	Coordinator string    `json:"coordinator"` // base URL to ask for the outcome
	TimeoutMS   int64     `json:"timeout_ms"`
}

// Purge names the local instances whose data is to be removed: the body of
// PUT /v1/crdbs/{guid}/purge.
type Purge struct {
	Instances []int `json:"instances"`
}

// Release asks for the release of what is held because it is stamped too far
// ahead of the clocks.
type Release struct {
	Instance int `json:"instance_id,omitempty"` // 0: whoever wrote it
}

// Tolerate asks a member to accept stamps up to one.
type Tolerate struct {
	Stamp uint64 `json:"stamp"`
}

// Drain asks a member that is to leave to stop taking writes and to say how
// far the others are. It goes on for the lease; 0 ends it.
type Drain struct {
	Stay    []int `json:"stay"` // who must hold everything
	LeaseMS int64 `json:"lease_ms"`
}

// Drained is how far a drain is.
type Drained struct {
	Done  bool      `json:"done"`
	Busy  bool      `json:"busy,omitempty"`  // a write is under way that was let in before
	Lacks []Holding `json:"lacks,omitempty"` // who does not hold everything yet, and what it holds of what it lacks
}

// Recover asks a node to bring its instance of a database back under a new ID.
type Recover struct {
	Database string    `json:"database"`             // GUID or name
	From     string    `json:"from,omitempty"`       // a member to ask, if this node knows none
	Instance *Instance `json:"instance,omitempty"`   // how others reach this node; nil: as before
	Backup   string    `json:"backup_dir,omitempty"` // on this node; see Modify
}

// Position is the end of what is held of one replica's log.
type Position struct {
	ID   int    `json:"id"`
	Time uint64 `json:"time"`
}

// Holding is what one member holds on disk, as another knows it.
type Holding struct {
	ID      int        `json:"id"`
	Durable []Position `json:"durable"`
}

// Standing is how a node sees a database and a replica of it.
type Standing struct {
	Database *Database  `json:"crdb"`                                 // committed here
	Posted   string     `json:"posted,omitempty"`                     // ID of a configuration to come
	Highest  int        `json:"posted_highest_instance_id,omitempty"` // that it gives out; 0 also of older builds
	Status   string     `json:"status"`
	Writes   string     `json:"writes,omitempty"`   // why clients cannot write
	LostLog  bool       `json:"lost_log,omitempty"` // the instance has lost some of its own log
	NoData   bool       `json:"no_data,omitempty"`  // the instance's data is gone: what it holds says nothing
	Partial  bool       `json:"partial,omitempty"`  // it has joined, and its state is not all here yet
	Durable  []Position `json:"durable"`
	Issued   uint64     `json:"issued"` // the last own op given out
	Clock    uint64     `json:"clock"`  // the newest stamp given out or seen
	Others   []Holding  `json:"others"`
	Held     []Position `json:"held,omitempty"` // ends of logs of which something waits for the clock
	End      Position   `json:"end"`            // of the asked replica's log
	EndHash  uint64     `json:"end_hash"`       // of the block there
	Seen     uint64     `json:"seen,omitempty"` // slices hold operations of it up to here, if that is more
	Other    bool       `json:"other"`          // another process than the asked runs as it
}

// Whole reports whether an instance has the whole state and may go on with it, so
// that others can come back from it. nil, of one that does not answer, has not.
func (s *Standing) Whole() bool {
	return s != nil && s.Status == StatusCommitted && s.Writes == "" && !s.LostLog && !s.Partial
}

// Holding returns what a member has said that it has on disk.
func (s *Standing) Holding(id int) []Position {
	for _, h := range s.Others {
		if h.ID == id {
			return h.Durable
		}
	}
	return nil
}

// At returns the position of a replica, 0 if there is none.
func At(all []Position, id int) uint64 {
	for _, p := range all {
		if p.ID == id {
			return p.Time
		}
	}
	return 0
}

// Covers reports whether all holds at least what part holds.
func Covers(all, part []Position) bool {
	for _, p := range part {
		if At(all, p.ID) < p.Time {
			return false
		}
	}
	return true
}

// Join adds to all what part has more.
func Join(all, part []Position) []Position {
	for _, p := range part {
		i := slices.IndexFunc(all, func(q Position) bool { return q.ID == p.ID })
		if i < 0 {
			all = append(all, p)
		} else {
			all[i].Time = max(all[i].Time, p.Time)
		}
	}
	return all
}

// Modify starts a change of the instances of a database, or of its settings.
func (c *Client) Modify(ctx context.Context, guid string, m *Modify) (*Task, error) {
	t := &Task{}
	return t, c.do(ctx, http.MethodPost, "/v1/crdbs/"+url.PathEscape(guid)+"/updates", m, t)
}

// Update starts a change of the settings of a database.
func (c *Client) Update(ctx context.Context, guid string, u *Update, force bool) (*Task, error) {
	t := &Task{}
	path := "/v1/crdbs/" + url.PathEscape(guid)
	if force {
		path += "?force_update=true"
	}
	return t, c.do(ctx, http.MethodPatch, path, u, t)
}

// Post is the first phase of a change on this node. It may be repeated.
func (c *Client) Post(ctx context.Context, p *Post) error {
	return c.do(ctx, http.MethodPost, "/v1/node/databases/"+url.PathEscape(p.Database.GUID)+"/posted", p, nil)
}

// Unpost takes a Post back. It may be repeated.
func (c *Client) Unpost(ctx context.Context, guid, config string) error {
	return c.do(ctx, http.MethodDelete, "/v1/node/databases/"+url.PathEscape(guid)+"/posted/"+url.PathEscape(config), nil, nil)
}

// Purge starts the removal of what is left of an instance that was removed.
func (c *Client) Purge(ctx context.Context, guid string, instances []int) (*Task, error) {
	t := &Task{}
	return t, c.do(ctx, http.MethodPut, "/v1/crdbs/"+url.PathEscape(guid)+"/purge", &Purge{instances}, t)
}

// Recover starts bringing the node's instance back under a new ID.
func (c *Client) Recover(ctx context.Context, r *Recover) (*Task, error) {
	t := &Task{}
	return t, c.do(ctx, http.MethodPost, "/v1/node/recover", r, t)
}

// Drain has this node's instance stop taking writes, and says how far others
// are. It is repeated until it is done.
func (c *Client) Drain(ctx context.Context, guid string, d *Drain) (*Drained, error) {
	a := &Drained{}
	return a, c.do(ctx, http.MethodPost, "/v1/node/databases/"+url.PathEscape(guid)+"/drain", d, a)
}

// Release starts the release of what is held because it is stamped too far
// ahead: of one instance, or of all if instance is 0.
func (c *Client) Release(ctx context.Context, guid string, instance int) (*Task, error) {
	t := &Task{}
	return t, c.do(ctx, http.MethodPost, "/v1/crdbs/"+url.PathEscape(guid)+"/release_held", &Release{Instance: instance}, t)
}

// Tolerate has this node's instance accept stamps up to one.
func (c *Client) Tolerate(ctx context.Context, guid string, stamp uint64) error {
	return c.do(ctx, http.MethodPost, "/v1/node/databases/"+url.PathEscape(guid)+"/tolerated", &Tolerate{Stamp: stamp}, nil)
}

// Standing asks how the node sees a database and the log of one replica; run
// says who asks, 0: not that replica.
func (c *Client) Standing(ctx context.Context, guid string, replica int, run uint64) (*Standing, error) {
	s := &Standing{}
	q := "?replica=" + strconv.Itoa(replica) + "&run=" + strconv.FormatUint(run, 10)
	return s, c.do(ctx, http.MethodGet, "/v1/node/databases/"+url.PathEscape(guid)+"/standing"+q, nil, s)
}
