package control

import (
	"bytes"
	"io"
	"net/http"

	"crdb/control/api"
)

// unbroken refuses a request that is not what its checksum says.
func unbroken(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked := r.Header.Get(api.SumHeader); asked != "" {
			data, err := io.ReadAll(io.LimitReader(r.Body, api.MaxBody+1)) // what is larger is refused where it is read
			if err != nil || len(data) <= api.MaxBody && api.RequestSum(r.Method, r.URL.RequestURI(), data) != asked {
				reply(w, http.StatusBadRequest, api.Errorf(0, api.CodeBadRequest, "the request was damaged on its way: its checksum is another"))
				return
			}
			r.Body = io.NopCloser(bytes.NewReader(data))
		}
		next.ServeHTTP(w, r)
	})
}
