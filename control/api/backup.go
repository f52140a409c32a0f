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
