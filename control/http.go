package control

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"crdb/control/api"
)

// handler answers one request with a value for the body or an error.
type handler func(r *http.Request) (any, error)

// serveHTTP starts the admin server on its listener.
func (n *Node) serveHTTP() {
	n.http = &http.Server{
		Handler:           api.Seal(n.guard(unbroken(n.routes()))),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      60 * time.Second,
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(n.log.Handler(), slog.LevelWarn),
	}
	n.wg.Add(1)
	go func() {
		defer n.wg.Done()
		if err := n.http.Serve(n.admin); !errors.Is(err, http.ErrServerClosed) {
			n.log.Error("the admin server has stopped", "err", err)
		}
	}()
}

// routes is the REST interface.
func (n *Node) routes() http.Handler {
	mux := http.NewServeMux()
	for pattern, h := range map[string]handler{
		"GET /v1/crdbs":                           n.getDatabases,
		"POST /v1/crdbs":                          n.postDatabase,
		"GET /v1/crdbs/{guid}":                    n.getDatabase,
		"DELETE /v1/crdbs/{guid}":                 n.deleteDatabase,
		"PATCH /v1/crdbs/{guid}":                  n.patchDatabase,
		"POST /v1/crdbs/{guid}/updates":           n.postUpdates,
		"PUT /v1/crdbs/{guid}/purge":              n.putPurge,
		"PUT /v1/crdbs/{guid}/flush":              n.putFlush,
		"POST /v1/crdbs/{guid}/backup":            n.postBackup,
		"POST /v1/crdbs/{guid}/release_held":      n.postRelease,
		"POST /v1/crdb_restores":                  n.postRestore,
		"GET /v1/crdbs/{guid}/health_report":      n.getHealthReport,
		"GET /v1/crdb_tasks":                      n.getTasks,
		"GET /v1/crdb_tasks/{id}":                 n.getTask,
		"POST /v1/crdb_tasks/{id}/actions/cancel": n.postCancel,

		"GET /v1/bdbs":                                   n.getBDBs,
		"GET /v1/bdbs/{uid}":                             n.getBDB,
		"GET /v1/bdbs/{uid}/availability":                n.getAvailability,
		"GET /v1/local/bdbs/{uid}/endpoint/availability": n.getAvailability,

		"GET /v1/node":                                     n.getNode,
		"POST /v1/node/prepared":                           n.postPrepared,
		"PUT /v1/node/databases/{guid}":                    n.putCommit,
		"DELETE /v1/node/databases/{guid}":                 n.deleteInstance,
		"GET /v1/node/databases/{guid}/health":             n.getLocalHealth,
		"GET /v1/node/databases/{guid}/standing":           n.getStanding,
		"POST /v1/node/recover":                            n.postRecover,
		"POST /v1/node/databases/{guid}/drain":             n.postDrain,
		"POST /v1/node/databases/{guid}/tolerated":         n.postTolerated,
		"POST /v1/node/databases/{guid}/users":             n.postUsers,
		"POST /v1/node/databases/{guid}/posted":            n.postPosted,
		"DELETE /v1/node/databases/{guid}/posted/{config}": n.deletePosted,
		"GET /v1/node/outcomes/{guid}":                     n.getOutcome,
		"POST /v1/node/databases/{guid}/digests":           n.postDigests,

		"GET /livez":  n.getLive,
		"GET /readyz": n.getReady,
	} {
		mux.Handle(pattern, n.answer(h))
	}
	mux.Handle("GET /v1/crdbs/{guid}/verify", patient(n.answer(n.getVerify)))
	mux.Handle("GET /metrics", n.metricsHandler())
	mux.HandleFunc("GET /v1/crdbs/{guid}/export", n.getExport)
	mux.HandleFunc("PUT /v1/crdbs/{guid}/import", n.putImport)
	profiles(mux)
	return jsonErrors{mux}
}

// answer turns a handler into one of net/http.
func (n *Node) answer(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v, err := h(r)
		if err != nil {
			replyError(w, r, err)
			return
		}
		reply(w, http.StatusOK, v)
	})
}

// patient is for answers that take longer than the server's time-out: the
// handler bounds itself.
func patient(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.NewResponseController(w).SetWriteDeadline(time.Time{})
		next.ServeHTTP(w, r)
	})
}

func reply(w http.ResponseWriter, status int, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		status, data = http.StatusInternalServerError, []byte(`{"error_code":"internal_error","description":"cannot encode the answer"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(data)+1))
	w.WriteHeader(status)
	w.Write(append(data, '\n'))
}

// guard bounds requests: how many are at work, that a web page of another
// origin cannot make them, and that a panic ends one request only.
func (n *Node) guard(next http.Handler) http.Handler {
	slots := make(chan struct{}, maxRequests)
	origin := http.NewCrossOriginProtection()
	origin.SetDenyHandler(n.answer(func(*http.Request) (any, error) {
		return nil, api.Errorf(http.StatusForbidden, api.CodeBadRequest, "requests from web pages of another origin are refused")
	}))
	next = origin.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
		default:
			reply(w, http.StatusServiceUnavailable, api.Errorf(0, api.CodeLimit, "too many admin requests at a time"))
			return
		}
		defer func() {
			if cause := recover(); cause != nil {
				n.log.Error("an admin request crashed", "path", r.URL.Path, "cause", cause, "stack", string(debug.Stack()))
				reply(w, http.StatusInternalServerError, api.Errorf(0, api.CodeInternal, "the request crashed; the log says more"))
			}
		}()
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// jsonErrors gives a mux's own 404 and 405 the form of all other errors.
type jsonErrors struct{ mux *http.ServeMux }

func (j jsonErrors) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if _, pattern := j.mux.Handler(r); pattern != "" {
		j.mux.ServeHTTP(w, r)
		return
	}
	probe := &statusOnly{header: http.Header{}}
	j.mux.ServeHTTP(probe, r)
	if probe.status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", probe.header.Get("Allow"))
		reply(w, probe.status, api.Errorf(0, api.CodeMethod, "%s is not possible on %s; possible: %s", r.Method, r.URL.Path, probe.header.Get("Allow")))
		return
	}
	reply(w, http.StatusNotFound, api.Errorf(0, api.CodeNotFound, "there is no %s", r.URL.Path))
}

// statusOnly is a ResponseWriter that keeps the status and drops the body.
type statusOnly struct {
	header http.Header
	status int
}

func (s *statusOnly) Header() http.Header { return s.header }
func (s *statusOnly) WriteHeader(c int)   { s.status = c }
func (s *statusOnly) Write(b []byte) (int, error) {
	return len(b), nil
}

// body decodes a request's body into v.
func body(r *http.Request, v any) error {
	data, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, api.MaxBody))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return api.Errorf(http.StatusRequestEntityTooLarge, api.CodeTooLarge, "the body is larger than %d bytes", api.MaxBody)
	}
	if err != nil {
		return api.Errorf(http.StatusBadRequest, api.CodeBadRequest, "the body ended early: %v", err)
	}
	if err := api.Decode(data, v); err != nil {
		return api.Errorf(http.StatusBadRequest, api.CodeBadRequest, "%v", err)
	}
	return nil
}

// guidOf returns the GUID in the path.
func guidOf(r *http.Request) (string, error) {
	guid := r.PathValue("guid")
	if !api.IsGUID(guid) {
		return "", api.Errorf(http.StatusNotFound, api.CodeDBNotFound, "%q is not the GUID of a database", guid)
	}
	return guid, nil
}

// milliseconds returns a query parameter as a time.
func milliseconds(r *http.Request, name string, missing time.Duration) (time.Duration, error) {
	s := r.URL.Query().Get(name)
	if s == "" {
		return missing, nil
	}
	ms, err := strconv.ParseInt(s, 10, 64)
	if err != nil || ms < 0 || ms > int64(24*time.Hour/time.Millisecond) {
		return 0, api.Errorf(http.StatusBadRequest, api.CodeBadRequest, "%s=%s is not a number of milliseconds", name, s)
	}
	return time.Duration(ms) * time.Millisecond, nil
}
