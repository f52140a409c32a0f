package resp

import (
	"context"
	"log/slog"
	"sync"
)

// logs limits what clients can make a Server write: one line a tick of each
// kind, with the number of those left out since.
type logs struct {
	accept, output, panics, park, tls limited
}

// limited writes one line a tick.
type limited struct {
	mu   sync.Mutex
	last int64 // tick of the last line
	left int   // lines left out since
}

func (l *limited) warn(s *Server, msg string, args ...any) { l.log(s, slog.LevelWarn, msg, args) }

func (l *limited) error(s *Server, msg string, args ...any) { l.log(s, slog.LevelError, msg, args) }

func (l *limited) log(s *Server, level slog.Level, msg string, args []any) {
	now := s.tick.Load()
	l.mu.Lock()
	if l.last == now {
		l.left++
		l.mu.Unlock()
		return
	}
	left := l.left
	l.last, l.left = now, 0
	l.mu.Unlock()
	if left > 0 {
		args = append(args, "left_out", left)
	}
	s.opts.Logger.Log(context.Background(), level, msg, args...)
}
