package logging

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"
)

const (
	burst   = 5
	window  = 10 * time.Second
	maxKeys = 1024
)

// LevelVerbose is redis.conf's verbose: more than notice, less than debug.
const LevelVerbose = slog.Level(-2)

// Level returns the slog level of a redis.conf loglevel.
func Level(name string) (slog.Level, error) {
	switch name {
	case "debug":
		return slog.LevelDebug, nil
	case "verbose":
		return LevelVerbose, nil
	case "notice":
		return slog.LevelInfo, nil
	case "warning":
		return slog.LevelWarn, nil
	}
	return 0, fmt.Errorf("loglevel %q is none of debug, verbose, notice, warning", name)
}

// New returns a logger that writes text or JSON lines to w.
func New(w io.Writer, format string, level slog.Level, now func() time.Time) *slog.Logger {
	opts := &slog.HandlerOptions{Level: level, ReplaceAttr: levelName}
	var h slog.Handler = slog.NewTextHandler(w, opts)
	if format == "json" {
		h = slog.NewJSONHandler(w, opts)
	}
	s := &state{now: now}
	s.mu.seen = map[string]*count{}
	return slog.New(&Limiter{next: h, state: s})
}

// levelName prints levels under redis.conf's names.
func levelName(groups []string, a slog.Attr) slog.Attr {
	level, ok := a.Value.Any().(slog.Level)
	if len(groups) > 0 || a.Key != slog.LevelKey || !ok {
		return a
	}
	switch {
	case level < LevelVerbose:
		a.Value = slog.StringValue("debug")
	case level < slog.LevelInfo:
		a.Value = slog.StringValue("verbose")
	case level < slog.LevelWarn:
		a.Value = slog.StringValue("notice")
	case level < slog.LevelError:
		a.Value = slog.StringValue("warning")
	default:
		a.Value = slog.StringValue("error")
	}
	return a
}

// Limiter is a handler that holds repeated lines back.
type Limiter struct {
	next    slog.Handler
	subject string // of the attributes given with With
	state   *state
}

// state is shared by a Limiter and everything made from it by With.
type state struct {
	now func() time.Time
	mu  struct {
		sync.Mutex
		seen map[string]*count
	}
}

type count struct {
	since      time.Time
	passed     int
	suppressed int
}

// Enabled says whether lines of the level are wanted.
func (l *Limiter) Enabled(ctx context.Context, level slog.Level) bool {
	return l.next.Enabled(ctx, level)
}

// Handle passes the line on or counts it.
func (l *Limiter) Handle(ctx context.Context, r slog.Record) error {
	key := r.Level.String() + r.Message + l.subject
	r.Attrs(func(a slog.Attr) bool {
		key += subject(a)
		return true
	})
	pass, held := l.state.admit(key)
	if !pass {
		return nil
	}
	if held > 0 {
		r = r.Clone()
		r.AddAttrs(slog.Int("held_back", held))
	}
	return l.next.Handle(ctx, r)
}

// subject returns what makes a line with this attribute different from another.
func subject(a slog.Attr) string {
	switch a.Key {
	case "database", "region", "peer", "err", "error":
		return "\x00" + a.Value.String()
	}
	return ""
}

// admit says whether a line passes, and how many like it were held back before.
func (s *state) admit(key string) (pass bool, held int) {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.mu.seen[key]
	if c == nil {
		if len(s.mu.seen) >= maxKeys {
			s.forget(now)
		}
		c = &count{since: now}
		s.mu.seen[key] = c
	}
	if now.Sub(c.since) >= window || now.Before(c.since) {
		held = c.suppressed
		*c = count{since: now}
	}
	if c.passed >= burst {
		c.suppressed++
		return false, 0
	}
	c.passed++
	return true, held
}

// forget drops the entries of closed windows, or all when that is not enough.
func (s *state) forget(now time.Time) {
	for k, c := range s.mu.seen {
		if now.Sub(c.since) >= window && c.suppressed == 0 {
			delete(s.mu.seen, k)
		}
	}
	if len(s.mu.seen) >= maxKeys {
		clear(s.mu.seen)
	}
}

// WithAttrs is part of slog.Handler.
func (l *Limiter) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := &Limiter{next: l.next.WithAttrs(attrs), subject: l.subject, state: l.state}
	for _, a := range attrs {
		c.subject += subject(a)
	}
	return c
}

// WithGroup is part of slog.Handler.
func (l *Limiter) WithGroup(name string) slog.Handler {
	return &Limiter{next: l.next.WithGroup(name), subject: l.subject, state: l.state}
}
