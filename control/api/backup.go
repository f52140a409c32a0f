package api

import (
	"context"
	"net/http"
	"net/url"
)

// BackupRequest asks for a backup into a directory of the node asked, which is
// made, or empty.
type BackupRequest struct {
	Dir string `json:"dir"`
}

// RestoreRequest asks for a new database, filled from a backup in a directory of
// the node asked. Without instances it lives on that node alone.
type RestoreRequest struct {
	Dir      string   `json:"dir"`
	Database Database `json:"crdb"`
}

// Users are users of a database, as lines of an ACL file, for a member's
// instance.
type Users struct {
	Lines []string `json:"users"`
	Add   bool     `json:"add,omitempty"` // those that are there and not named stay
}

// SetUsers has this node's instance take users.
func (c *Client) SetUsers(ctx context.Context, guid string, u *Users) error {
	return c.do(ctx, http.MethodPost, "/v1/node/databases/"+url.PathEscape(guid)+"/users", u, nil)
}

// Backup starts the backup of a database.
func (c *Client) Backup(ctx context.Context, guid, dir string) (*Task, error) {
	t := &Task{}
	return t, c.do(ctx, http.MethodPost, "/v1/crdbs/"+url.PathEscape(guid)+"/backup", &BackupRequest{dir}, t)
}

// Restore starts to make a new database of a backup.
func (c *Client) Restore(ctx context.Context, dir string, d *Database) (*Task, error) {
	t := &Task{}
	return t, c.do(ctx, http.MethodPost, "/v1/crdb_restores", &RestoreRequest{dir, *d}, t)
}
