package oplog

import (
	"github.com/cockroachdb/pebble/v2"
)

// enter keeps the store open until leave. It fails after Close.
func (l *Log) enter() error {
	l.use.RLock()
	defer l.use.RUnlock()
	if l.refusing.Load()&refuseClosed != 0 {
		return ErrClosed
	}
	l.bg.Add(1)
	return nil
}

func (l *Log) leave() { l.bg.Done() }

// apply commits a batch that is not of the writer: checkpoints, metadata,
// truncation. A disk that is full or has failed parks the commit (see guard),
// not the caller: it gets an error, and whether the batch will be there is
// unknown. The goroutine ends with the commit; a failed log leaves it parked. Until a
// commit that was given up is over there is no other: they would be more and more, and
// an old one might come after a new one.
func (l *Log) apply(batch *pebble.Batch, sync *pebble.WriteOptions) error {
	err := l.stopped()
	if err == nil && l.givenUp.Load() > 0 {
		err = l.full()
	}
	if err == nil {
		err = l.enter()
	}
	if err != nil {
		batch.Close()
		return err
	}
	done := make(chan error, 1)
	go func() {
		defer l.leave()
		err := batch.Commit(sync)
		batch.Close()
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-l.failedCh:
		return l.failure()
	case <-l.store.guard.stalling():
		l.givenUp.Add(1)
		go func() { // ends with the commit
			<-done
			l.givenUp.Add(-1)
		}()
		return l.full()
	}
}
