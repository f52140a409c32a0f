package host

import (
	"context"
	"errors"
	"sync"
	"time"

	"crdb/oplog"
)

// This file is the orderly end of an instance. Nothing depends on it: what was
// acknowledged is in the log, and a start after a crash replays it.

// lastCheckpointTime bounds the checkpoint at the end. What it does not save is
// replayed.
const lastCheckpointTime = 30 * time.Second

// Stop is part of control.Instance. It waits for clients as long as
// shutdown-timeout says.
func (i *instance) Stop() {
	i.life.RLock()
	servers := i.serversNow()
	closed := i.closed
	i.life.RUnlock()
	if closed || i.commands == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(i.config.Int("shutdown-timeout"))*time.Second)
	defer cancel()
	i.commands.Drain()
	var wg sync.WaitGroup
	for _, s := range servers {
		wg.Go(func() {
			if err := s.Drain(ctx); err != nil {
				i.logger.Warn("clients have not read their replies within shutdown-timeout; they are lost", "clients", s.Stats().Current)
			}
		})
	}
	wg.Wait()
	i.orderly.Store(true)
}

// serversNow returns what serves clients: none before Serve.
func (i *instance) serversNow() (servers []Server) {
	if s := i.server.Load(); s != nil {
		servers = append(servers, s)
	}
	if s := i.socket.Load(); s != nil {
		servers = append(servers, s)
	}
	return servers
}

// refusesDisk reports whether the log's disk takes nothing.
func refusesDisk(l *oplog.Log) bool {
	err := l.Stats().Refusing
	return errors.Is(err, oplog.ErrDiskFull) || errors.Is(err, oplog.ErrFailed)
}

// lastCheckpoint begins the checkpoint at the end of an orderly stop and waits
// for it a while. The channel closes when it is over, at the latest soon after
// the log is closed.
func (i *instance) lastCheckpoint() <-chan struct{} {
	done := make(chan struct{})
	if !i.orderly.Load() || i.engine == nil || refusesDisk(i.log) {
		close(done)
		return done
	}
	go func() { // awaited by Close
		defer close(done)
		if err := i.engine.Checkpoint(); err != nil {
			i.logger.Warn("no checkpoint at the end; the next start replays the log", "err", err)
		}
	}()
	late := time.NewTimer(lastCheckpointTime)
	defer late.Stop()
	select {
	case <-done:
	case <-late.C:
		i.logger.Warn("the checkpoint at the end takes too long; the next start replays the log", "seconds", lastCheckpointTime.Seconds())
	}
	return done
}
