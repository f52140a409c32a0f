package control

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"crdb/control/api"
)

// moving starts a node with a database, and returns a client, the database's
// GUID and its instance.
func moving(t *testing.T) (*testNode, string, *fakeInstance) {
	t.Helper()
	n := startNode(t, "us-east", &dialer{})
	task := n.create(describeOn("cart", n))
	return n, task.GUID, n.host.mu.open[task.GUID]
}

func TestExport(t *testing.T) {
	n, guid, inst := moving(t)
	for _, c := range []struct {
		file, want string
		instErr    error
		err        string
	}{
		{strings.Repeat("file", 100_000), strings.Repeat("file", 100_000), nil, ""},
		{"short", "short", nil, ""},
		{"it is broken", "it is broken", nil, "it broke"},
		{"x", "", errors.New("disk full"), "disk full"},
	} {
		inst.file = c.file
		n.host.diskErr.Store(diskErr{c.instErr})
		var out strings.Builder
		m, err := n.c.Export(t.Context(), guid, &out)
		if c.err == "" {
			if err != nil || m.Keys != 1 || m.Bytes != int64(len(c.want)) || out.String() != c.want {
				t.Errorf("%.20q: %v, %v, %d bytes", c.file, m, err, out.Len())
			}
		} else if err == nil || !strings.Contains(err.Error(), c.err) {
			t.Errorf("%.20q: %v, want %s", c.file, err, c.err)
		}
	}
	if _, err := n.c.Export(t.Context(), n.newGUID(), io.Discard); !api.IsCode(err, api.CodeDBNotFound) {
		t.Error(err)
	}
	for range maxExports {
		n.exports <- struct{}{}
	}
	if _, err := n.c.Export(t.Context(), guid, io.Discard); !api.IsCode(err, api.CodeLimit) {
		t.Error(err)
	}
}

func TestImport(t *testing.T) {
	n, guid, inst := moving(t)
	big := strings.Repeat("x", 3*api.MaxBody) // larger than what other calls may send
	task, err := n.c.Import(t.Context(), guid, api.ImportMerge, "", strings.NewReader(big), int64(len(big)))
	if err != nil || task.Status != api.TaskFinished || task.Operation != api.OpImport || task.Moved.Keys != 2 || inst.file != "merge:"+big {
		t.Errorf("%+v, %v", task, err)
	}
	if _, err := n.c.Import(t.Context(), guid, "some", "", strings.NewReader(""), 0); !api.IsCode(err, api.CodeBadRequest) {
		t.Error(err)
	}
	if _, err := n.c.Import(t.Context(), n.newGUID(), "", "", strings.NewReader(""), 0); !api.IsCode(err, api.CodeDBNotFound) {
		t.Error(err)
	}
}

// TestImportIsCancelled: a client that stops sending does not hold the task.
func TestImportIsCancelled(t *testing.T) {
	n, guid, _ := moving(t)
	r, w := io.Pipe()
	defer w.Close()
	id := n.newGUID()
	ended := make(chan *api.Task, 1)
	go func() {
		c := &api.Client{Base: n.c.Base, HTTP: &http.Client{}}
		task, _ := c.Import(context.Background(), guid, "", id, r, -1)
		ended <- task
	}()
	eventually(t, "the import runs", func() bool {
		task, err := n.c.Task(t.Context(), id)
		return err == nil && task.Moved != nil
	})
	if _, err := n.c.Cancel(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if task := n.wait(n.c.Task(t.Context(), id)); task.Status != api.TaskFailed || task.Errors[0].Code != api.CodeCancelled {
		t.Errorf("%+v", task)
	}
	w.Close()
	<-ended
}

// TestWhyAnImportFailedArrives: it fails while its client still sends, which the server
// must go on reading until the client has seen the answer.
func TestWhyAnImportFailedArrives(t *testing.T) {
	n, guid, _ := moving(t)
	n.host.diskErr.Store(diskErr{errors.New("no room")})
	conn, err := net.Dial("tcp", n.AdminAddr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const size = 1 << 30
	fmt.Fprintf(conn, "PUT /v1/crdbs/%s/import HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", guid, size)
	for range 8 { // it sends more than the system would keep for a server that does not read
		if _, err := conn.Write(make([]byte, 4<<20)); err != nil {
			t.Fatal(err)
		}
	}
	in := bufio.NewReader(conn)
	resp, err := http.ReadResponse(in, nil)
	if err == nil && resp.StatusCode == http.StatusContinue {
		resp, err = http.ReadResponse(in, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if data, err := io.ReadAll(resp.Body); err != nil || !strings.Contains(string(data), "no room") {
		t.Errorf("%v, %.300s", err, data)
	}
}

// A checksum is kept with all it is of: what is as large as a dump file may be is
// refused with it, not gathered in memory or cut short.
func TestDumpFilesCarryNoChecksum(t *testing.T) {
	n, guid, inst := moving(t)
	big := strings.Repeat("x", api.MaxBody+1)
	inst.file = big
	for _, c := range []struct {
		method, target, body string
		status               int
	}{
		{"PUT", "/v1/crdbs/" + guid + "/import", big, http.StatusRequestEntityTooLarge},
		{"GET", "/v1/crdbs/" + guid + "/export", "", http.StatusInternalServerError},
	} {
		rq, err := http.NewRequest(c.method, n.c.Base+c.target, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		rq.Header.Set(api.SumHeader, api.RequestSum(c.method, c.target, []byte(c.body)))
		resp, err := n.c.HTTP.Do(rq)
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != c.status || !strings.Contains(string(data), api.CodeTooLarge) || !strings.Contains(string(data), "without "+api.SumHeader) {
			t.Errorf("%s: %v %d %.200s", c.target, err, resp.StatusCode, data)
		}
	}
	if inst.file != big {
		t.Error("something was imported")
	}
}

// patientWriter takes any deadline.
type patientWriter struct{ http.ResponseWriter }

func (patientWriter) SetReadDeadline(time.Time) error { return nil }

// TestACancelledImportReadsNoMore: the next read gives the connection new time, so that
// a client that goes on sending, however slowly, would hold the task until the string
// that it sends has ended.
func TestACancelledImportReadsNoMore(t *testing.T) {
	src := &fileReader{r: strings.NewReader("more"), rc: http.NewResponseController(patientWriter{}), now: time.Now}
	src.stop()
	if n, err := src.Read(make([]byte, 4)); n != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("%d bytes, %v", n, err)
	}
}

// timedWriter notes that an answer was given time.
type timedWriter struct {
	*httptest.ResponseRecorder
	until time.Time
}

func (*timedWriter) SetReadDeadline(time.Time) error      { return nil }
func (w *timedWriter) SetWriteDeadline(t time.Time) error { w.until = t; return nil }

// TestALateErrorOfAnExportArrives: what an export waits for before its first byte may take
// longer than the server gives an answer.
func TestALateErrorOfAnExportArrives(t *testing.T) {
	n, guid, _ := moving(t)
	n.host.diskErr.Store(diskErr{errors.New("disk full")})
	r := httptest.NewRequest(http.MethodGet, "/v1/crdbs/"+guid+"/export", nil)
	r.SetPathValue("guid", guid)
	w := &timedWriter{ResponseRecorder: httptest.NewRecorder()}
	n.getExport(w, r)
	if !strings.Contains(w.Body.String(), "disk full") || w.until.Before(n.opts.Now()) {
		t.Errorf("%s, time until %v", w.Body, w.until)
	}
}
