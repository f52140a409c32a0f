package command

import (
	"errors"
	"fmt"
	"sort"
	"strings"
	"sync"
)

// ErrUnknownParam says that no configuration parameter has the name.
var ErrUnknownParam = errors.New("unknown configuration name")

// errImmutable is CONFIG SET's answer for what only the start may decide.
var errImmutable = errors.New("can't set immutable config")

// Param describes one configuration parameter: its redis.conf name and what
// values it takes.
type Param struct {
	Name      string
	Alias     string // an older name
	Default   string
	Kind      Kind
	Min, Max  int64    // of Int and Memory; both zero: any
	Words     []string // of Enum
	Immutable bool     // not by CONFIG SET
	Fixed     bool     // CONFIG SET may say what it is, and nothing else
	Clamp     bool     // of Int: a positive number that is out of bounds becomes the bound
	Secret    bool     // not in logs
}

// Config holds the parameters of one database, under their redis.conf names.
// Every method may be called from any goroutine. Hooks are called without the
// lock, one change at a time.
type Config struct {
	change sync.Mutex // serialises changes with their hooks
	mu     struct {
		sync.RWMutex
		params map[string]*param // by name and alias
		hooks  []func()
	}
}

type param struct {
	Param
	value string // canonical
	num   int64  // of Bool (0, 1), Int, Memory, Enum (index) and KeyEvents (events)
}

// NewConfig returns a Config with every parameter of this package at its
// default.
func NewConfig() *Config {
	c := &Config{}
	c.mu.params = make(map[string]*param)
	for _, p := range params {
		c.Define(p)
	}
	return c
}

// Define adds a parameter. It panics when the name is taken or the default
// does not fit: both are mistakes of the program.
func (c *Config) Define(p Param) {
	c.mu.Lock()
	defer c.mu.Unlock()
	np := &param{Param: p}
	if err := np.set(p.Default); err != nil {
		panic("command: config " + p.Name + ": " + err.Error())
	}
	for _, name := range []string{p.Name, p.Alias} {
		if name == "" {
			continue
		}
		if c.mu.params[name] != nil {
			panic("command: config " + name + " is there twice")
		}
		c.mu.params[name] = np
	}
}

// Set gives a parameter a value as a configuration file, the environment or a
// flag does it: immutable ones may be set, too. An unknown name is
// ErrUnknownParam.
func (c *Config) Set(name, value string) error {
	return c.update(func() error {
		p := c.mu.params[strings.ToLower(name)]
		if p == nil {
			return fmt.Errorf("%w %q", ErrUnknownParam, name)
		}
		if err := p.set(value); err != nil {
			return fmt.Errorf("%s: %w", p.Name, err)
		}
		return nil
	})
}

// Setting is one name and value of CONFIG SET.
type Setting struct{ Name, Value string }

// SettingError says which parameter CONFIG SET failed on.
type SettingError struct {
	Name    string
	Unknown bool
	Err     error
}

// Error returns the text of CONFIG SET's reply.
func (e *SettingError) Error() string {
	if e.Unknown {
		return "ERR Unknown option or number of arguments for CONFIG SET - '" + string(cString([]byte(e.Name))) + "'"
	}
	return "ERR CONFIG SET failed (possibly related to argument '" + e.Name + "') - " + e.Err.Error()
}

// Unwrap returns what is wrong with the value.
func (e *SettingError) Unwrap() error { return e.Err }

// SetAll changes several parameters of a running server, all or none. The
// error is a *SettingError.
func (c *Config) SetAll(list []Setting) error {
	return c.update(func() error {
		targets, err := c.targetsLocked(list)
		if err != nil {
			return err
		}
		before := make([]param, len(targets))
		for i, p := range targets {
			before[i] = *p
		}
		for i, p := range targets {
			if err := p.set(list[i].Value); err != nil {
				for j := range targets {
					*targets[j] = before[j]
				}
				return &SettingError{Name: list[i].Name, Err: err}
			}
		}
		return nil
	})
}

func (c *Config) targetsLocked(list []Setting) ([]*param, error) {
	var targets []*param
	seen := make(map[string]bool) // a name and its alias are two, of which the later counts
	for _, s := range list {
		name := strings.ToLower(s.Name)
		p := c.mu.params[name]
		switch {
		case p == nil:
			return nil, &SettingError{Name: s.Name, Unknown: true}
		case p.Immutable:
			return nil, &SettingError{Name: s.Name, Err: errImmutable}
		case p.Fixed:
			if err := p.stays(s.Value); err != nil {
				return nil, &SettingError{Name: s.Name, Err: err}
			}
		case seen[name]:
			return nil, &SettingError{Name: s.Name, Err: errors.New("duplicate parameter")}
		}
		seen[name] = true
		targets = append(targets, p)
	}
	return targets, nil
}

// update runs fn under the lock and, when it changed something, the hooks.
func (c *Config) update(fn func() error) error {
	c.change.Lock()
	defer c.change.Unlock()
	c.mu.Lock()
	err := fn()
	hooks := c.mu.hooks
	c.mu.Unlock()
	if err != nil {
		return err
	}
	for _, h := range hooks {
		h()
	}
	return nil
}

// OnChange registers f to be called after every change. f may read the Config
// but not change it.
func (c *Config) OnChange(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.hooks = append(c.mu.hooks, f)
}

// Get returns the value of a parameter as CONFIG GET shows it.
func (c *Config) Get(name string) (value string, ok bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	p := c.mu.params[strings.ToLower(name)]
	if p == nil {
		return "", false
	}
	return p.value, true
}

// String returns the value of a parameter that is known to exist.
func (c *Config) String(name string) string {
	v, ok := c.Get(name)
	if !ok {
		panic("command: no config " + name)
	}
	return v
}

// Int returns the number of an Int, Memory or KeyEvents parameter.
func (c *Config) Int(name string) int64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.mu.params[name].num
}

// Bool returns the value of a Bool parameter.
func (c *Config) Bool(name string) bool { return c.Int(name) != 0 }

// Names returns every name, aliases included, sorted.
func (c *Config) Names() []string {
	c.mu.RLock()
	defer c.mu.RUnlock()
	names := make([]string, 0, len(c.mu.params))
	for n := range c.mu.params {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

// Secret reports whether the value of the parameter must not be logged.
func (c *Config) Secret(name string) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	p := c.mu.params[strings.ToLower(name)]
	return p != nil && p.Secret
}
