package oplog

import "time"

const spaceInterval = time.Second

// stalled is told by the guard when a write begins or ends to wait for space.
func (l *Log) stalled(on bool) {
	if on {
		l.refuse(refuseStall)
		l.opts.Logger.Error("the disk is full, or no file can be opened; writes are refused until that changes", "dir", l.opts.Dir)
		return
	}
	l.allow(refuseStall)
	l.opts.Logger.Info("the disk takes writes again", "dir", l.opts.Dir)
}

// watchSpace refuses writes while the disk has less free space than the
// reserve, so that Pebble hardly ever meets a full disk. Until Close. It also makes
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

// checkSpace looks once. An unknown amount of free space refuses nothing.
func (l *Log) checkSpace() {
	u, err := l.opts.FS.GetDiskUsage(l.opts.Dir)
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
