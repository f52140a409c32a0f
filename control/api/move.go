package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
)

// Moved counts what an export or an import has moved.
type Moved struct {
	Bytes     int64 `json:"bytes"`               // of the file
	Keys      int64 `json:"keys"`                // written
	Expired   int64 `json:"expired,omitempty"`   // left out: their deadline has passed
	Kept      int64 `json:"kept,omitempty"`      // left out: what is there is of another type, or newer
	Functions int64 `json:"functions,omitempty"` // libraries written
}

// Databases is how many databases keys can be in: SELECT takes 0 to 15.
const Databases = 16

// The ways an import treats keys that are there. The empty one refuses a
// database that has keys.
const (
	ImportFlush   = "flush"   // remove all keys first
	ImportReplace = "replace" // a key of the file replaces one that is there
	ImportMerge   = "merge"   // collections unite, lists are appended, strings are replaced
)

// TrailerResult is the trailer of an export's answer: a Moved, or an Error. An
// answer without it is not whole.
const TrailerResult = "X-Crdb-Result"

// TypeRDB is the content type of dump files.
const TypeRDB = "application/x-redis-rdb"

// Export writes a dump file of a database into dst. The client's own timeout
// must allow for the whole of it.
func (c *Client) Export(ctx context.Context, guid string, dst io.Writer) (*Moved, error) {
	resp, err := c.send(ctx, http.MethodGet, "/v1/crdbs/"+url.PathEscape(guid)+"/export", nil, 0, "")
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(dst, resp.Body); err != nil {
		return nil, fmt.Errorf("the export broke off: %w", err)
	}
	r := &struct {
		Error
		Moved
	}{}
	if json.Unmarshal([]byte(resp.Trailer.Get(TrailerResult)), r) != nil {
		return nil, Errorf(http.StatusBadGateway, CodeInternal, "the export broke off")
	}
	if r.Code != "" {
		r.HTTP = http.StatusInternalServerError
		return nil, &r.Error
	}
	return &r.Moved, nil
}

// Import sends a dump file of so many bytes (-1: unknown) into a database, and
// returns the ended task.
func (c *Client) Import(ctx context.Context, guid, mode, taskID string, src io.Reader, size int64) (*Task, error) {
	path := "/v1/crdbs/" + url.PathEscape(guid) + "/import?mode=" + url.QueryEscape(mode)
	resp, err := c.send(ctx, http.MethodPut, path, src, size, taskID)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	t := &Task{}
	if err := json.NewDecoder(io.LimitReader(resp.Body, MaxBody)).Decode(t); err != nil {
		return nil, fmt.Errorf("the answer of %s is not the expected JSON: %w", c.Base, err)
	}
	return t, nil
}

// send sends a request whose body or answer is a file, and returns the answer
// if it is no error.
func (c *Client) send(ctx context.Context, method, path string, body io.Reader, size int64, taskID string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.Base+path, body)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.ContentLength = size
		req.Header.Set("Content-Type", TypeRDB)
		req.Header.Set("Expect", "100-continue") // a refusal costs no upload
	}
	if taskID != "" {
		req.Header.Set("X-Task-ID", taskID)
	}
	hc := c.HTTP
	if hc == nil {
		hc = http.DefaultClient
	}
	resp, err := hc.Do(req)
	if err != nil {
		return nil, unreachable(c.Base, err)
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, MaxBody))
	if err != nil {
		return nil, unreachable(c.Base, err)
	}
	return nil, failure(c.Base, resp.StatusCode, data)
}

// String says it in a sentence.
func (m *Moved) String() string {
	s := strconv.FormatInt(m.Keys, 10) + " keys, " + strconv.FormatInt(m.Bytes, 10) + " bytes"
	for _, x := range []struct {
		n    int64
		what string
	}{
		{m.Expired, "keys left out because their deadline has passed"},
		{m.Kept, "keys left as they are: of another type, or changed meanwhile"},
		{m.Functions, "libraries of functions"},
	} {
		if x.n > 0 {
			s += fmt.Sprintf("; %d %s", x.n, x.what)
		}
	}
	return s
}
