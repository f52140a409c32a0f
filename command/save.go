package command

import "sync"

// saves are the checkpoints that clients ask for. Every write is in the log
// already, so they make a restart short and the log on disk small, no more. The
// goroutine that makes them ends when nobody asks for another; Server.Close
// waits for it.
type saves struct {
	jobs    sync.WaitGroup
	waiting waiters // sessions in SAVE and SHUTDOWN SAVE
	mu      struct {
		sync.Mutex
		now     saveKind
		next    saveKind // asked for meanwhile: all of them at once
		begun   int64    // how many have begun
		ended   int64    // the last one that ended
		rewrote rewritten
		err     error // of the last one
		closing bool
	}
}

// saveKind is what checkpoints are called by those who ask for them.
type saveKind uint8

const (
	saveBackground saveKind = 1 << iota // BGSAVE
	saveRewrite                         // BGREWRITEAOF
	saveWaited                          // SAVE, SHUTDOWN SAVE
)

// rewritten tells INFO of BGREWRITEAOF.
type rewritten struct {
	count, failures int64 // failures in a row
	failed          bool
	seconds         int64 // of the last one; negative: none yet
}

func (v *saves) init() {
	v.waiting.init()
	v.mu.rewrote.seconds = -1
}

// start has a checkpoint begin now, or behind the one that runs. It returns the
// number of it.
func (srv *Server) startSave(kind saveKind) (number int64) {
	v := &srv.saves
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.mu.now != 0 {
		v.mu.next |= kind
		return v.mu.begun + 1
	}
	if !v.mu.closing {
		v.mu.now = kind
		v.jobs.Add(1)
		go srv.save()
	}
	v.mu.begun++
	return v.mu.begun
}

// save is the goroutine.
func (srv *Server) save() {
	v := &srv.saves
	defer v.jobs.Done()
	for more := true; more; {
		began := srv.opts.Now()
		err := srv.engine.Checkpoint()
		if err != nil {
			srv.opts.Logger.Error("saving failed", "error", err)
		}
		more = v.end(err, (srv.opts.Now()-began)/1e9)
		v.waiting.wakeAll()
	}
}

// end notes that a checkpoint has ended; true: the next one begins.
func (v *saves) end(err error, seconds int64) (more bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if r := &v.mu.rewrote; v.mu.now&saveRewrite != 0 {
		r.seconds, r.failed = seconds, err != nil
		if err == nil {
			r.count, r.failures = r.count+1, 0
		} else {
			r.failures++
		}
	}
	v.mu.ended, v.mu.err = v.mu.begun, err
	v.mu.now, v.mu.next = v.mu.next, 0
	if v.mu.closing {
		v.mu.now = 0
	}
	if v.mu.now != 0 {
		v.mu.begun++
	}
	return v.mu.now != 0
}

// stop lets no other checkpoint begin, and waits for the end of the one that
// runs.
func (v *saves) stop() {
	v.mu.Lock()
	v.mu.closing = true
	v.mu.Unlock()
	v.jobs.Wait()
}

// state returns what runs, what comes next, and the story of rewriting.
func (v *saves) state() (now, next saveKind, r rewritten) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.mu.now, v.mu.next, v.mu.rewrote
}

// over reports whether the checkpoint of that number, or a later one, has ended.
func (v *saves) over(number int64) (bool, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.mu.ended >= number, v.mu.err
}
