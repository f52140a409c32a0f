package control

import (
	"bytes"
	"io"
	"net/http"

	"crdb/control/api"
)

// unbroken refuses a request that is not what its checksum says, or is too large to be
// kept until that is known: an import may have any size, and must not be cut short.
func unbroken(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked := r.Header.Get(api.SumHeader); asked != "" {
			data, err := io.ReadAll(io.LimitReader(r.Body, api.MaxBody+1))
			if len(data) > api.MaxBody {
				reply(w, http.StatusRequestEntityTooLarge, api.Errorf(0, api.CodeTooLarge, "the body is larger than %d bytes, the most that is taken with a checksum; send it without %s", api.MaxBody, api.SumHeader))
				return
			}
			if err != nil || api.RequestSum(r.Method, r.URL.RequestURI(), data) != asked {
				reply(w, http.StatusBadRequest, api.Errorf(0, api.CodeBadRequest, "the request was damaged on its way: its checksum is another"))
				return
			}
			r.Body = io.NopCloser(bytes.NewReader(data))
		}
		next.ServeHTTP(w, r)
	})
}
