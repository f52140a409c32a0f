package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"net/http"
	"strconv"
)

// SumHeader carries a checksum, so that a bit that flips on the way changes no
// configuration and condemns no instance: TCP's own sum is weak, and one digit
// of a position is enough. A request with it gets an answer with it.
const SumHeader = "X-Crdb-Sum"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// RequestSum is the value of SumHeader in a request; target is the path with
// the query.
func RequestSum(method, target string, body []byte) string {
	return sum(method+" "+target, body)
}

// AnswerSum is the value of SumHeader in an answer. It covers the request's sum
// as the server has read it: an answer to another question is none.
func AnswerSum(request string, status int, body []byte) string {
	return sum(request+" "+strconv.Itoa(status), body)
}

func sum(head string, body []byte) string {
	return fmt.Sprintf("%08x", crc32.Update(crc32.Checksum([]byte(head), castagnoli), castagnoli, body))
}

// sealed keeps an answer back until all of it is there, and sends it with the
// checksum that a request with a checksum asks for.
type sealed struct {
	http.ResponseWriter
	asked  string // the request's checksum
	status int
	body   bytes.Buffer // at most MaxBody
	over   bool         // the answer is larger
}

// Unwrap lets http.ResponseController reach the connection.
func (s *sealed) Unwrap() http.ResponseWriter { return s.ResponseWriter }

func (s *sealed) WriteHeader(status int) { s.status = status }

// Write refuses what no caller would take: an export may have any size.
func (s *sealed) Write(b []byte) (int, error) {
	if s.over = s.over || s.body.Len()+len(b) > MaxBody; s.over {
		return 0, errSealed
	}
	return s.body.Write(b)
}

var errSealed = fmt.Errorf("the answer is larger than %d bytes, the most that is sent with a checksum; ask without %s", MaxBody, SumHeader)

func (s *sealed) send() {
	if s.over {
		data, _ := json.Marshal(&Error{Code: CodeTooLarge, Description: errSealed.Error()}) // of strings
		s.body.Reset()
		s.body.Write(data)
		s.status = http.StatusInternalServerError
		s.Header().Del("Trailer")
		s.Header().Set("Content-Type", "application/json")
		s.Header().Set("Content-Length", strconv.Itoa(len(data)))
	}
	s.Header().Set(SumHeader, AnswerSum(s.asked, s.status, s.body.Bytes()))
	s.ResponseWriter.WriteHeader(s.status)
	s.ResponseWriter.Write(s.body.Bytes())
}

// Seal makes a handler answer requests that carry a checksum with one.
func Seal(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked := r.Header.Get(SumHeader)
		if asked == "" {
			next.ServeHTTP(w, r)
			return
		}
		s := &sealed{ResponseWriter: w, asked: asked, status: http.StatusOK}
		next.ServeHTTP(s, r)
		s.send()
	})
}
