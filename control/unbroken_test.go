package control

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"sync"
	"testing"
	"time"

	"crdb/control/api"
)

// TestDamageOnTheWay: whichever bit of a request or of its answer flips, the
// caller gets the true answer or an error, and the node does nothing that was not
// asked for.
func TestDamageOnTheWay(t *testing.T) {
	const asked, other = "/v1/node/databases/a/standing?replica=2&run=7", "damage"
	var wrong bool
	handler := api.Seal(unbroken(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		wrong = wrong || r.Header.Get(api.SumHeader) != "" && (r.URL.RequestURI() != asked || r.Method != http.MethodGet)
		reply(w, http.StatusOK, &api.Standing{Issued: 1000, Durable: []api.Position{{ID: 1, Time: 62041935060074496}}})
	})))
	var at, size int // which bit to flip, and how many there are; requests first
	var calls sync.WaitGroup
	call := func(conn net.Conn) {
		defer conn.Close()
		r, err := http.ReadRequest(bufio.NewReader(conn))
		if err != nil {
			return
		}
		r.RemoteAddr = "damage:1"
		var raw bytes.Buffer
		r.Write(&raw)
		question := raw.Bytes()
		flipBit(question, at)
		w := httptest.NewRecorder()
		if r, err = http.ReadRequest(bufio.NewReader(bytes.NewReader(question))); err != nil {
			return
		}
		handler.ServeHTTP(w, r)
		raw.Reset()
		w.Result().Write(&raw)
		size = 8 * (len(question) + raw.Len())
		flipBit(raw.Bytes(), at-8*len(question))
		conn.Write(raw.Bytes())
	}
	dial := func(context.Context, string) (net.Conn, error) {
		here, there := net.Pipe()
		calls.Go(func() { call(there) })
		return here, nil
	}
	ask := func(patience time.Duration) (*api.Standing, error) {
		defer calls.Wait() // one that is given up goes on
		c := &api.Client{Base: "http://" + other, HTTP: newHTTPClient(dial, patience)}
		return c.Standing(context.Background(), "a", 2, 7)
	}
	at = -1
	want, err := ask(time.Minute) // which comes, however busy the machine is
	if err != nil || want.Issued != 1000 {
		t.Fatal(want, err)
	}
	refused := 0
	for at = range size {
		got, err := ask(50 * time.Millisecond)
		var e *api.Error
		switch {
		case err == nil && !reflect.DeepEqual(got, want):
			t.Errorf("bit %d: %+v", at, got)
		case errors.As(err, &e) && e.Code != api.CodeUnreachable && e.Code != api.CodeBadRequest:
			t.Errorf("bit %d: %v", at, err)
		case err != nil:
			refused++
		}
		if wrong {
			t.Fatalf("bit %d: the node took another request", at)
		}
	}
	if refused < size/3 {
		t.Errorf("%d of %d flipped bits were found", refused, size)
	}
}

// flipBit flips a bit of data, if it is there.
func flipBit(data []byte, bit int) {
	if bit >= 0 && bit/8 < len(data) {
		data[bit/8] ^= 1 << (bit % 8)
	}
}
