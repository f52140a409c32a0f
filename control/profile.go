package control

import (
	"net/http"
	"net/http/pprof"
)

// profiles serves Go's profiles under /debug/pprof/, for whoever looks into a
// running node with `go tool pprof`.
func profiles(mux *http.ServeMux) {
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
}
