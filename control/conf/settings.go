package conf

import (
	"fmt"
	"time"

	"crdb/control/api"
)

// Settings is everything a node is started with.
type Settings struct {
	Region     string
	Dir        string
	Bind       string
	AdminPort  int
	PeerPort   int
	GossipPort int
	Join       []string
	Insecure   bool

	// A database of this region alone, made at the first start.
	Database string
	Port     int

	Appendfsync   string
	MaxClockDrift time.Duration
	LogRetention  int64 // bytes of log kept for members that are away
	TransferRate  int64 // bytes per second of a state transfer to another region; 0: no limit

	VerifyInterval time.Duration // between comparisons of the regions; 0: none
	IOThreads      int           // event loops per database
	IOThreadsNice  int           // added to their niceness, if the system lets it be; 0 or less

	BootCheck   time.Duration // how long a start waits for what others hold of the own log
	AutoRecover bool          // an instance that lost log comes back under a new ID by itself

	PeerRoutes map[string]string // region -> HOST:PORT to dial instead

	LogLevel  string
	LogFormat string
	LogFile   string

	GCPercent   int   // least percentage the heap grows by between two collections
	GCHeadroom  int64 // least bytes it grows by
	MemoryLimit int64 // soft limit of the Go heap in bytes, 0: none

	File string // absolute path of the configuration file; empty: none

	// Redis are the redis.conf settings of the databases, to be set in this
	// order.
	Redis []RedisSetting
}

// RedisSetting is one redis.conf name with its value as text.
type RedisSetting struct{ Name, Value string }

// Defaults returns the settings of a node that says nothing.
func Defaults() *Settings {
	return &Settings{
		Bind: "127.0.0.1", AdminPort: api.DefaultAdminPort, PeerPort: 9444, GossipPort: 7946,
		Appendfsync: "everysec", MaxClockDrift: 500 * time.Millisecond, LogRetention: 16 << 30, VerifyInterval: time.Hour, IOThreads: 1, IOThreadsNice: -5,
		BootCheck: 3 * time.Second,
		LogLevel:  "notice", LogFormat: "text", GCPercent: 15, GCHeadroom: 24 << 20,
		PeerRoutes: map[string]string{},
	}
}

// Validate checks what one name alone cannot tell.
func (s *Settings) Validate() error {
	switch {
	case s.Region == "":
		return fmt.Errorf("no region: say --region NAME")
	case s.Dir == "":
		return fmt.Errorf("no data directory: say --dir DIR")
	case s.Database != "" && s.Port == 0:
		return fmt.Errorf("database %q needs --port", s.Database)
	case s.GossipPort == 0 && len(s.Join) > 0:
		return fmt.Errorf("join needs a gossip port; 0 turns gossip off")
	case s.Database == "" && s.Port != 0:
		return fmt.Errorf("port %d needs --database NAME", s.Port)
	}
	if err := api.CheckName("region", s.Region); err != nil {
		return err
	}
	if s.Database != "" {
		if err := api.CheckName("database", s.Database); err != nil {
			return err
		}
	}
	return s.checkPorts()
}

func (s *Settings) checkPorts() error {
	used := map[int]string{}
	for _, p := range []struct {
		name string
		port int
	}{{"admin-port", s.AdminPort}, {"peer-port", s.PeerPort}, {"gossip-port", s.GossipPort}, {"port", s.Port}} {
		if p.port == 0 {
			continue
		}
		if other, ok := used[p.port]; ok {
			return fmt.Errorf("%s and %s are both %d", other, p.name, p.port)
		}
		used[p.port] = p.name
	}
	return nil
}
