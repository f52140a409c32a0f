package oplog

import (
	"errors"
	"fmt"
	"io/fs"
	"time"
)

const spaceInterval = time.Second

// stalled is told by the guard when a write begins to wait for what an error says, or
// ends to.
func (l *Log) stalled(why error) {
	if why != nil {
		l.refuse(refuseStall)
		l.opts.Logger.Error("the disk is full, or no file can be opened; writes are refused until that changes", "dir", l.opts.Dir, "err", why)
		return
	}
	l.allow(refuseStall)
	l.opts.Logger.Info("the disk takes writes again", "dir", l.opts.Dir)
}

// full is ErrDiskFull of a write that waits. Where it waits for a file descriptor it says so.
func (l *Log) full() error {
	if why := l.store.guard.stalledBy(); why != nil && !noSpace(why) {
		return &waitsError{why}
	}
	return fmt.Errorf("%w: %s", ErrDiskFull, l.opts.Dir)
}

// waitsError is ErrDiskFull where the disk is not what is full.
type waitsError struct{ why error }

func (e *waitsError) Error() string        { return fmt.Sprintf("oplog: a write waits: %v", e.why) }
func (e *waitsError) Is(target error) bool { return target == ErrDiskFull }
func (e *waitsError) Unwrap() error        { return e.why }

// watchSpace refuses writes while the disk has less free space than the
// reserve, so that Pebble hardly ever meets a full disk, and for good once there is no
// directory. Until Close. It also makes
// the writer look at the clock bound.
func (l *Log) watchSpace() {
	defer l.bg.Done()
	if l.opts.DiskReserve < 0 {
		return
	}
	for {
		l.checkSpace()
		l.kick()
		select {
		case <-l.opts.After(spaceInterval):
		case <-l.stop:
			return
		}
	}
}

// checkSpace looks once. An unknown amount of free space refuses nothing, but a directory
// that is gone does: its files take what is written as long as they are open, and nobody
// will read it again.
func (l *Log) checkSpace() {
	u, err := l.opts.FS.GetDiskUsage(l.opts.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		l.store.guard.onFail(fmt.Errorf("the directory %s is not there any more", l.opts.Dir))
	}
	if err != nil {
		return
	}
	reserve := uint64(l.opts.DiskReserve)
	low := l.refusing.Load()&refuseSpace != 0
	switch {
	case !low && u.AvailBytes < reserve:
		l.refuse(refuseSpace)
		l.opts.Logger.Error("free disk space is below the reserve; writes are refused until it returns",
			"dir", l.opts.Dir, "free", u.AvailBytes, "reserve", reserve)
	case low && u.AvailBytes >= reserve+reserve/4:
		l.allow(refuseSpace)
		l.opts.Logger.Info("free disk space is above the reserve again", "dir", l.opts.Dir, "free", u.AvailBytes)
	}
}
