package conf

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Flag is one flag given on the command line.
type Flag struct {
	Name   string // without dashes
	Values []string
}

// Options are the sources of settings.
type Options struct {
	Flags   []Flag
	Environ []string // NAME=value, as os.Environ returns it
	File    string   // path of the configuration file, empty: none
	// Check says whether a name the node does not know is a setting of
	// databases: ErrUnknown if not, another error if the value is wrong.
	Check func(name, value string) error
}

// ErrUnknown is what Check answers for a name nobody knows.
var ErrUnknown = fmt.Errorf("unknown name")

// Load reads all sources and returns the settings with warnings about
// variables that were left alone. It does not Validate.
func Load(o Options) (*Settings, []string, error) {
	s := Defaults()
	l := loader{check: o.Check}
	if o.File != "" {
		file, err := readFile(o.File, 0)
		if err != nil {
			return nil, nil, err
		}
		if err := l.apply(s, file); err != nil {
			return nil, nil, err
		}
		if s.File, err = filepath.Abs(o.File); err != nil {
			return nil, nil, fmt.Errorf("configuration file: %w", err)
		}
	}
	if err := l.apply(s, l.environment(o.Environ)); err != nil {
		return nil, nil, err
	}
	var flags []directive
	for _, f := range o.Flags {
		flags = append(flags, directive{f.Name, f.Values, "--" + f.Name})
	}
	if err := l.apply(s, flags); err != nil {
		return nil, nil, err
	}
	if s.Dir != "" { // it is compared with the directories of backups, and CONFIG GET shows it
		var err error
		if s.Dir, err = filepath.Abs(s.Dir); err != nil {
			return nil, nil, fmt.Errorf("data directory: %w", err)
		}
	}
	return s, l.warnings, nil
}

type loader struct {
	check    func(name, value string) error
	warnings []string
}

// apply sets what one source says. A name that may be repeated starts anew in
// each source.
func (l *loader) apply(s *Settings, ds []directive) error {
	for _, name := range []string{"join", "peer-route"} {
		if slices.ContainsFunc(ds, func(d directive) bool { return d.name == name }) {
			reset(s, name)
		}
	}
	for _, d := range ds {
		if err := l.set(s, d); err != nil {
			return fmt.Errorf("%s: %s: %w", d.where, d.name, err)
		}
	}
	return nil
}

func reset(s *Settings, name string) {
	if name == "join" {
		s.Join = nil
	} else {
		clear(s.PeerRoutes)
	}
}

func (l *loader) set(s *Settings, d directive) error {
	if e, ok := names[d.name]; ok {
		return e.set(s, d.values)
	}
	value := strings.Join(d.values, " ")
	if l.check == nil {
		return ErrUnknown
	}
	err := l.check(d.name, value)
	if err != ErrUnknown && len(d.values) != 1 && (len(d.values) == 0 || !several[d.name]) {
		_, err = one(d.values) // as in Redis: a password that was left out is not none
	}
	if err != nil {
		return err
	}
	s.Redis = append(s.Redis, RedisSetting{d.name, value})
	return nil
}

// several are the settings of databases that are written in several words.
var several = map[string]bool{"client-output-buffer-limit": true, "latency-tracking-info-percentiles": true, "save": true}

// serviceLink is what Kubernetes puts into NAME_PORT for a service, by the
// protocol of its first port.
var serviceLink = regexp.MustCompile(`^(tcp|udp|sctp)://`)

// environment turns CRDB_ADMIN_PORT=1 into admin-port 1. A variable that names
// no setting is left alone with a warning: clusters put such variables there
// themselves (CRDB_SERVICE_HOST, CRDB_PORT=tcp://10.0.0.1:6379).
func (l *loader) environment(environ []string) []directive {
	var ds []directive
	for _, kv := range environ {
		key, value, _ := strings.Cut(kv, "=")
		rest, ok := strings.CutPrefix(key, "CRDB_")
		if !ok || rest == "CONFIG" || rest == "NODE" {
			continue
		}
		name := strings.ToLower(strings.ReplaceAll(rest, "_", "-"))
		_, known := names[name]
		if !known && l.check != nil {
			known = l.check(name, value) != ErrUnknown
		}
		if !known || serviceLink.MatchString(value) {
			l.warnings = append(l.warnings, fmt.Sprintf("environment variable %s names no setting and is ignored", key))
			continue
		}
		values := []string{value}
		if name == "join" || name == "peer-route" {
			values = strings.Fields(strings.ReplaceAll(value, ",", " "))
		}
		ds = append(ds, directive{name, values, key})
	}
	return ds
}
