package conf

import (
	"fmt"
	"net"
	"sort"
	"strconv"
	"strings"
	"time"
)

// entry is one name a node itself knows.
type entry struct {
	repeat bool // may stand several times in a file
	set    func(s *Settings, v []string) error
}

// names are the names of the node. The names of its databases are known to
// Options.Check.
var names = map[string]entry{
	"region":          {set: text(func(s *Settings) *string { return &s.Region })},
	"dir":             {set: text(func(s *Settings) *string { return &s.Dir })},
	"bind":            {set: setBind},
	"admin-port":      {set: port(func(s *Settings) *int { return &s.AdminPort })},
	"peer-port":       {set: port(func(s *Settings) *int { return &s.PeerPort })},
	"gossip-port":     {set: port(func(s *Settings) *int { return &s.GossipPort })},
	"join":            {repeat: true, set: setJoin},
	"insecure":        {set: yesNo(func(s *Settings) *bool { return &s.Insecure })},
	"database":        {set: text(func(s *Settings) *string { return &s.Database })},
	"port":            {set: port(func(s *Settings) *int { return &s.Port })},
	"appendfsync":     {set: oneOf(func(s *Settings) *string { return &s.Appendfsync }, "always", "everysec")},
	"max-clock-drift": {set: setDrift},
	"transfer-rate":   {set: size(func(s *Settings) *int64 { return &s.TransferRate })},
	"log-retention":   {set: size(func(s *Settings) *int64 { return &s.LogRetention })},
	"verify-interval": {set: seconds(func(s *Settings) *time.Duration { return &s.VerifyInterval })},
	"io-threads":      {set: number(func(s *Settings) *int { return &s.IOThreads }, 1, 128)},
	"io-threads-nice": {set: number(func(s *Settings) *int { return &s.IOThreadsNice }, -20, 0)},
	"boot-check":      {set: setBootCheck},
	"auto-recover":    {set: yesNo(func(s *Settings) *bool { return &s.AutoRecover })},
	"peer-route":      {repeat: true, set: setRoute},
	"loglevel":        {set: oneOf(func(s *Settings) *string { return &s.LogLevel }, "debug", "verbose", "notice", "warning")},
	"logformat":       {set: oneOf(func(s *Settings) *string { return &s.LogFormat }, "text", "json")},
	"logfile":         {set: text(func(s *Settings) *string { return &s.LogFile })},
	"gc-percent":      {set: number(func(s *Settings) *int { return &s.GCPercent }, 10, 1000)},
	"gc-headroom":     {set: size(func(s *Settings) *int64 { return &s.GCHeadroom })},
	"go-memory-limit": {set: size(func(s *Settings) *int64 { return &s.MemoryLimit })},
}

// Names lists the names of the node, sorted.
func Names() []string {
	l := make([]string, 0, len(names))
	for n := range names {
		l = append(l, n)
	}
	sort.Strings(l)
	return l
}

// one returns the only value.
func one(v []string) (string, error) {
	if len(v) != 1 {
		return "", fmt.Errorf("wants one value, has %d", len(v))
	}
	return v[0], nil
}

func text(at func(*Settings) *string) func(*Settings, []string) error {
	return func(s *Settings, v []string) error {
		x, err := one(v)
		*at(s) = x
		return err
	}
}

func oneOf(at func(*Settings) *string, allowed ...string) func(*Settings, []string) error {
	return func(s *Settings, v []string) error {
		x, err := one(v)
		if err != nil {
			return err
		}
		for _, a := range allowed {
			if strings.EqualFold(a, x) {
				*at(s) = a
				return nil
			}
		}
		return fmt.Errorf("%q is none of %s", x, strings.Join(allowed, ", "))
	}
}

func number(at func(*Settings) *int, min, max int) func(*Settings, []string) error {
	return func(s *Settings, v []string) error {
		x, err := one(v)
		if err != nil {
			return err
		}
		n, err := strconv.Atoi(x)
		if err != nil || n < min || n > max {
			return fmt.Errorf("%q is not a number from %d to %d", x, min, max)
		}
		*at(s) = n
		return nil
	}
}

// seconds reads a number of seconds up to a week.
func seconds(at func(*Settings) *time.Duration) func(*Settings, []string) error {
	return func(s *Settings, v []string) error {
		var n int
		err := number(func(*Settings) *int { return &n }, 0, 7*24*3600)(s, v)
		if err == nil {
			*at(s) = time.Duration(n) * time.Second
		}
		return err
	}
}

func port(at func(*Settings) *int) func(*Settings, []string) error { return number(at, 0, 65535) }

func yesNo(at func(*Settings) *bool) func(*Settings, []string) error {
	return func(s *Settings, v []string) error {
		x, err := one(v)
		if err != nil {
			return err
		}
		switch strings.ToLower(x) {
		case "yes", "true", "1":
			*at(s) = true
		case "no", "false", "0":
			*at(s) = false
		default:
			return fmt.Errorf("%q is neither yes nor no", x)
		}
		return nil
	}
}

func size(at func(*Settings) *int64) func(*Settings, []string) error {
	return func(s *Settings, v []string) error {
		x, err := one(v)
		if err != nil {
			return err
		}
		n, err := Bytes(x)
		if err != nil {
			return err
		}
		*at(s) = n
		return nil
	}
}

var units = []struct {
	suffix string
	factor int64
}{{"kb", 1 << 10}, {"mb", 1 << 20}, {"gb", 1 << 30}, {"k", 1e3}, {"m", 1e6}, {"g", 1e9}, {"b", 1}, {"", 1}}

// Bytes reads a size as redis.conf writes it: 1k is 1000, 1kb is 1024.
func Bytes(s string) (int64, error) {
	low := strings.ToLower(s)
	for _, u := range units {
		digits, ok := strings.CutSuffix(low, u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(digits, 10, 64)
		if err != nil || n < 0 || n > (1<<62)/u.factor {
			break
		}
		return n * u.factor, nil
	}
	return 0, fmt.Errorf("%q is not a size such as 512mb", s)
}

func setBind(s *Settings, v []string) error {
	x, err := one(v)
	if err != nil {
		return fmt.Errorf("%w (one address; 0.0.0.0 or :: for all)", err)
	}
	x = strings.Trim(x, "[]")
	if x == "*" {
		x = "0.0.0.0"
	}
	if x != "localhost" && net.ParseIP(x) == nil {
		return fmt.Errorf("%q is not an IP address", x)
	}
	s.Bind = x
	return nil
}

func setJoin(s *Settings, v []string) error {
	for _, hp := range v {
		if _, _, err := net.SplitHostPort(hp); err != nil {
			return fmt.Errorf("%q is not HOST:GOSSIPPORT", hp)
		}
		s.Join = append(s.Join, hp)
	}
	return nil
}

func setRoute(s *Settings, v []string) error {
	if len(v) != 2 {
		return fmt.Errorf("wants REGION HOST:PORT")
	}
	if _, _, err := net.SplitHostPort(v[1]); err != nil {
		return fmt.Errorf("%q is not HOST:PORT", v[1])
	}
	s.PeerRoutes[v[0]] = v[1]
	return nil
}

func setBootCheck(s *Settings, v []string) error {
	x, err := one(v)
	if err != nil {
		return err
	}
	d, err := time.ParseDuration(x)
	if err != nil || d < 0 || d > time.Hour {
		return fmt.Errorf("%q is not a duration from 0s to 1h", x)
	}
	s.BootCheck = d
	return nil
}

func setDrift(s *Settings, v []string) error {
	x, err := one(v)
	if err != nil {
		return err
	}
	d, err := time.ParseDuration(x)
	if n, numErr := strconv.Atoi(x); numErr == nil {
		d, err = time.Duration(n)*time.Millisecond, nil
	}
	if err != nil || d < 10*time.Millisecond || d > time.Hour {
		return fmt.Errorf("%q is not milliseconds or a duration from 10ms to 1h", x)
	}
	s.MaxClockDrift = d
	return nil
}
