package control

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"crdb/control/api"
)

// This file is the export and the import of a database as a dump file, which
// goes through the admin port: GET and PUT of /v1/crdbs/{guid}/export and
// import.

// fileTimeout is how long a client may take for one piece of a file.
const fileTimeout = 60 * time.Second

// getExport streams a dump file. Errors before the first byte are answered as
// ever, later ones in the trailer.
func (n *Node) getExport(w http.ResponseWriter, r *http.Request) {
	guid, err := guidOf(r)
	var inst Instance
	if err == nil {
		err = n.checkReady()
	}
	if err == nil {
		inst, err = n.readable(guid)
	}
	if err == nil {
		err = n.beginExport()
	}
	if err != nil {
		replyError(w, r, err)
		return
	}
	defer func() { <-n.exports }()
	out := &fileWriter{w: w, rc: http.NewResponseController(w), now: n.opts.Now}
	out.rc.SetReadDeadline(time.Time{}) // its end would count as the client's
	moved, err := inst.Export(r.Context(), out)
	if err != nil && !out.begun {
		out.rc.SetWriteDeadline(n.opts.Now().Add(fileTimeout)) // the server's may have passed
		replyError(w, r, err)
		return
	}
	var result any = moved
	if err != nil {
		n.log.Warn("an export broke off", "database", guid, "err", err)
		result = api.AsError(err)
	}
	data, _ := json.Marshal(result) // of fixed types
	w.Header().Set(api.TrailerResult, string(data))
}

// beginExport takes one of the node's places for exports.
func (n *Node) beginExport() error {
	select {
	case n.exports <- struct{}{}:
		return nil
	default:
		return api.Errorf(http.StatusTooManyRequests, api.CodeLimit, "%d exports are under way on this node; try again later", maxExports)
	}
}

// putImport reads a dump file from the body. It is a task, so that it can be
// watched and cancelled; the answer is the ended task.
func (n *Node) putImport(w http.ResponseWriter, r *http.Request) {
	t, err := n.startImport(w, r)
	if err == nil {
		t, err = n.tasks.wait(r.Context(), t.ID)
	}
	rc := http.NewResponseController(w)
	rc.SetWriteDeadline(n.opts.Now().Add(fileTimeout))
	if err != nil {
		replyError(w, r, err)
		return
	}
	early := t.Status == api.TaskFailed && r.Header.Get(api.SumHeader) == "" && rc.EnableFullDuplex() == nil
	reply(w, http.StatusOK, t)
	if early {
		rc.Flush()
		n.takeRest(rc, r.Body)
	}
}

// restTimeout is how long a client that still sends may take to see its answer.
const restTimeout = 5 * time.Second

// takeRest reads on what a client sends that has its answer already, until it stops or
// for a moment: a connection that is closed on it is reset, and takes the answer along.
func (n *Node) takeRest(rc *http.ResponseController, rest io.Reader) {
	if rc.SetReadDeadline(n.opts.Now().Add(restTimeout)) == nil {
		io.Copy(io.Discard, rest)
		rc.SetReadDeadline(time.Time{})
	}
}

func (n *Node) startImport(w http.ResponseWriter, r *http.Request) (*api.Task, error) {
	guid, err := guidOf(r)
	if err != nil {
		return nil, err
	}
	if err := n.checkReady(); err != nil {
		return nil, err
	}
	inst, err := n.serving(guid)
	if err != nil {
		return nil, err
	}
	rq, err := requestOf(r)
	if err != nil {
		return nil, err
	}
	mode := r.URL.Query().Get("mode")
	switch mode {
	case "", api.ImportFlush, api.ImportReplace, api.ImportMerge:
	default:
		return nil, api.Errorf(http.StatusBadRequest, api.CodeBadRequest, "mode %q is none of flush, replace, merge", mode)
	}
	src := &fileReader{r: r.Body, rc: http.NewResponseController(w), now: n.opts.Now}
	size := r.ContentLength
	return n.tasks.start(rq, api.OpImport, guid, func(ctx context.Context, k *task) error {
		stop := context.AfterFunc(ctx, src.stop)
		defer stop()
		k.step("importing", 0)
		moved, err := inst.Import(ctx, src, mode, func(m api.Moved) {
			percent := 0
			if size > 0 {
				percent = int(min(m.Bytes*100/size, 99))
			}
			k.moved(m)
			k.step("importing", percent)
		})
		k.moved(moved)
		return err
	})
}

// moved notes what a task has moved.
func (k *task) moved(m api.Moved) { k.update(func(a *api.Task) { a.Moved = &m }) }

// replyError answers a request with an error.
func replyError(w http.ResponseWriter, r *http.Request, err error) {
	e := api.AsError(err)
	if e.HTTP == 0 || e.HTTP == http.StatusBadGateway && r.Context().Err() != nil {
		e.HTTP = http.StatusInternalServerError
	}
	reply(w, e.HTTP, e)
}

// fileWriter is an answer that may be long: each piece has its own time.
type fileWriter struct {
	w     http.ResponseWriter
	rc    *http.ResponseController
	now   func() time.Time
	begun bool
}

func (f *fileWriter) Write(b []byte) (int, error) {
	if !f.begun {
		f.begun = true
		f.w.Header().Set("Content-Type", api.TypeRDB)
		f.w.Header().Set("Trailer", api.TrailerResult)
	}
	if err := f.rc.SetWriteDeadline(f.now().Add(fileTimeout)); err != nil {
		return 0, err
	}
	return f.w.Write(b)
}

// fileReader is a body that may be long: each piece has its own time.
type fileReader struct {
	r       io.Reader
	rc      *http.ResponseController
	now     func() time.Time
	stopped atomic.Bool
}

func (f *fileReader) Read(b []byte) (int, error) {
	if err := f.rc.SetReadDeadline(f.now().Add(fileTimeout)); err != nil {
		return 0, err
	}
	if f.stopped.Load() { // perhaps its deadline has just been overwritten
		return 0, context.Canceled
	}
	n, err := f.r.Read(b)
	if err != nil {
		f.rc.SetReadDeadline(time.Time{}) // its end would count as the client's
	}
	return n, err
}

// stop ends a Read that waits, and all that follow.
func (f *fileReader) stop() {
	f.stopped.Store(true)
	f.rc.SetReadDeadline(f.now())
}
