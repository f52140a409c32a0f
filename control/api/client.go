package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// MaxBody bounds a request's or an answer's body, in bytes.
const MaxBody = 1 << 20

// Client calls the admin port of one node.
type Client struct {
	Base   string       // http://HOST:PORT
	HTTP   *http.Client // nil: http.DefaultClient
	NodeID string       // who is meant by Commit and Drop: another node that answers refuses; empty: whoever it is
}

// asNode is the query that says which node is meant. Builds that do not know it
// ignore it.
func (c *Client) asNode() string {
	if c.NodeID == "" {
		return ""
	}
	return "?node=" + url.QueryEscape(c.NodeID)
}

// NewClient returns a client for a node given as HOST, HOST:PORT or URL.
func NewClient(node string, hc *http.Client) (*Client, error) {
	c := Cluster{Name: node}
	if len(node) > 7 && node[:7] == "http://" {
		c = Cluster{URL: node}
	}
	base, err := c.BaseURL()
	if err != nil {
		return nil, err
	}
	return &Client{Base: base, HTTP: hc}, nil
}

// do sends one request and decodes the answer into out (nil: dropped).
func (c *Client) do(ctx context.Context, method, path string, in, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, c.Base+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	asked := RequestSum(method, req.URL.RequestURI(), body)
	req.Header.Set(SumHeader, asked)
	hc := c.HTTP
	if hc == nil {
		hc = http.DefaultClient
	}
	resp, err := hc.Do(req)
	if err != nil {
		return unreachable(c.Base, err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, MaxBody+1))
	if err != nil {
		return unreachable(c.Base, err)
	}
	if len(data) > MaxBody {
		return Errorf(http.StatusBadGateway, CodeTooLarge, "the answer of %s is larger than %d bytes", c.Base, MaxBody)
	}
	if got := resp.Header.Get(SumHeader); got != AnswerSum(asked, resp.StatusCode, data) {
		return foreign(c.Base, resp.StatusCode, got)
	}
	if resp.StatusCode/100 != 2 {
		return failure(c.Base, resp.StatusCode, data)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("the answer of %s is not the expected JSON: %w", c.Base, err)
	}
	return nil
}

func unreachable(base string, err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		if errors.Is(u.Err, context.Canceled) || errors.Is(u.Err, context.DeadlineExceeded) {
			return fmt.Errorf("no answer from %s: %w", base, u.Err)
		}
		err = u.Err
	}
	return Errorf(http.StatusBadGateway, CodeUnreachable, "cannot reach %s: %v", base, err)
}

// foreign is the error for an answer that is not as a node sent it.
func foreign(base string, status int, sum string) error {
	if sum == "" {
		return Errorf(http.StatusBadGateway, CodeUnreachable, "%s answered status %d and is no admin port of a crdb node, or the answer was damaged on its way", base, status)
	}
	return Errorf(http.StatusBadGateway, CodeUnreachable, "the answer of %s was damaged on its way: its checksum is another", base)
}

func failure(base string, status int, data []byte) error {
	e := &Error{}
	if json.Unmarshal(data, e) != nil || e.Description == "" {
		e.Code, e.Description = CodeInternal, fmt.Sprintf("%s answered status %d", base, status)
	}
	e.HTTP = status
	return e
}

// Node asks the node who it is.
func (c *Client) Node(ctx context.Context) (*Node, error) {
	n := &Node{}
	return n, c.do(ctx, http.MethodGet, "/v1/node", nil, n)
}

// Databases lists the databases with an instance on the node.
func (c *Client) Databases(ctx context.Context) ([]Database, error) {
	var l []Database
	return l, c.do(ctx, http.MethodGet, "/v1/crdbs", nil, &l)
}

// Database returns one database.
func (c *Client) Database(ctx context.Context, guid string) (*Database, error) {
	d := &Database{}
	return d, c.do(ctx, http.MethodGet, "/v1/crdbs/"+url.PathEscape(guid), nil, d)
}

// Create starts the creation of a database.
func (c *Client) Create(ctx context.Context, d *Database) (*Task, error) {
	t := &Task{}
	return t, c.do(ctx, http.MethodPost, "/v1/crdbs", d, t)
}

// Check asks whether a Create would succeed.
func (c *Client) Check(ctx context.Context, d *Database) (*DryRun, error) {
	r := &DryRun{}
	return r, c.do(ctx, http.MethodPost, "/v1/crdbs?dry_run=true", d, r)
}

// Delete starts the deletion of a database in all its regions.
func (c *Client) Delete(ctx context.Context, guid string) (*Task, error) {
	t := &Task{}
	return t, c.do(ctx, http.MethodDelete, "/v1/crdbs/"+url.PathEscape(guid), nil, t)
}

// Flush starts the removal of all keys of a database.
func (c *Client) Flush(ctx context.Context, guid string) (*Task, error) {
	t := &Task{}
	return t, c.do(ctx, http.MethodPut, "/v1/crdbs/"+url.PathEscape(guid)+"/flush", nil, t)
}

// HealthReport asks all regions of a database how they are.
func (c *Client) HealthReport(ctx context.Context, guid string) ([]HealthReport, error) {
	var l []HealthReport
	return l, c.do(ctx, http.MethodGet, "/v1/crdbs/"+url.PathEscape(guid)+"/health_report", nil, &l)
}

// LocalHealth asks the node alone how its instance of a database is.
func (c *Client) LocalHealth(ctx context.Context, guid string) (*HealthReport, error) {
	r := &HealthReport{}
	return r, c.do(ctx, http.MethodGet, "/v1/node/databases/"+url.PathEscape(guid)+"/health", nil, r)
}

// Tasks lists the tasks the node remembers, oldest first.
func (c *Client) Tasks(ctx context.Context) ([]Task, error) {
	var l []Task
	return l, c.do(ctx, http.MethodGet, "/v1/crdb_tasks", nil, &l)
}

// Task returns one task.
func (c *Client) Task(ctx context.Context, id string) (*Task, error) {
	t := &Task{}
	return t, c.do(ctx, http.MethodGet, "/v1/crdb_tasks/"+url.PathEscape(id), nil, t)
}

// Cancel asks for a task to be stopped.
func (c *Client) Cancel(ctx context.Context, id string) (*Task, error) {
	t := &Task{}
	return t, c.do(ctx, http.MethodPost, "/v1/crdb_tasks/"+url.PathEscape(id)+"/actions/cancel", nil, t)
}

// Wait polls a task until it has ended, calling seen after every poll.
func (c *Client) Wait(ctx context.Context, id string, every time.Duration, seen func(*Task)) (*Task, error) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		t, err := c.Task(ctx, id)
		if err != nil {
			return nil, err
		}
		if seen != nil {
			seen(t)
		}
		if t.Final() {
			return t, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return t, ctx.Err()
		}
	}
}

// Ready asks whether the node is ready; maxLagMS < 0 leaves lag out of it.
func (c *Client) Ready(ctx context.Context, maxLagMS int64) error {
	path := "/readyz"
	if maxLagMS >= 0 {
		path = fmt.Sprintf("/readyz?max_lag_ms=%d", maxLagMS)
	}
	return c.do(ctx, http.MethodGet, path, nil, nil)
}

// Prepare is the first phase of a create on this node.
func (c *Client) Prepare(ctx context.Context, p *Prepare) (*Prepared, error) {
	r := &Prepared{}
	return r, c.do(ctx, http.MethodPost, "/v1/node/prepared", p, r)
}

// Commit is the second phase of a create on this node. It may be repeated.
func (c *Client) Commit(ctx context.Context, d *Database) error {
	return c.do(ctx, http.MethodPut, "/v1/node/databases/"+url.PathEscape(d.GUID)+c.asNode(), d, nil)
}

// Drop removes this node's instance of a database, prepared or committed. It
// may be repeated.
func (c *Client) Drop(ctx context.Context, guid string) error {
	return c.do(ctx, http.MethodDelete, "/v1/node/databases/"+url.PathEscape(guid)+c.asNode(), nil, nil)
}

// Outcome asks the coordinator of a create or a change what became of it.
func (c *Client) Outcome(ctx context.Context, guid, config string) (*Outcome, error) {
	o := &Outcome{}
	return o, c.do(ctx, http.MethodGet, "/v1/node/outcomes/"+url.PathEscape(guid)+"?config_id="+url.QueryEscape(config), nil, o)
}
