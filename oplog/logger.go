package oplog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/cockroachdb/pebble/v2"
)

// pebbleLogger sends Pebble's messages to slog at debug level. Pebble expects
// Fatalf not to return; here it fails the log and returns, so that one broken
// store never ends the process (P1). The guard keeps disk errors from getting
// that far.
type pebbleLogger struct {
	l       *Log
	opening *opening
}

func (p *pebbleLogger) debug(format string, args []any) {
	log := p.l.opts.Logger
	if log.Enabled(context.Background(), slog.LevelDebug) {
		log.Debug("pebble", "dir", p.l.opts.Dir, "text", fmt.Sprintf(format, args...))
	}
}

// Infof implements pebble.Logger.
func (p *pebbleLogger) Infof(format string, args ...any) { p.debug(format, args) }

// Errorf implements pebble.Logger.
func (p *pebbleLogger) Errorf(format string, args ...any) {
	p.l.opts.Logger.Warn("pebble", "dir", p.l.opts.Dir, "text", fmt.Sprintf(format, args...))
}

// Fatalf implements pebble.Logger.
func (p *pebbleLogger) Fatalf(format string, args ...any) {
	p.fail(fmt.Errorf("store: "+format, args...))
}

func (p *pebbleLogger) fail(err error) {
	if s := p.l.store; s != nil {
		s.guard.fenced.Store(true)
	}
	p.l.fail(err)
}

func (p *pebbleLogger) events() *pebble.EventListener {
	e := &pebble.EventListener{
		BackgroundError: func(err error) {
			if !errors.Is(err, pebble.ErrCancelledCompaction) {
				p.opening.report(err)
				p.Errorf("background error: %s", firstLine(err))
			}
		},
		DataCorruption: func(info pebble.DataCorruptionInfo) {
			p.fail(corrupt("%s: %s", info.Path, firstLine(info.Details)))
		},
	}
	return e
}

// firstLine is what an error of Pebble says; what follows is for its authors.
func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}
