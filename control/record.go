package control

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"crdb/control/api"
)

// The states of a record beyond those in api.
const statusDropped = "dropped"

// record is what a node keeps about its instance of a database.
type record struct {
	Status      string        `json:"status"`
	UID         int           `json:"uid"`
	Port        int           `json:"port"`
	Replica     int           `json:"replica"`
	Joined      bool          `json:"joined,omitempty"`     // the database existed before the instance
	Backup      string        `json:"backup_dir,omitempty"` // it has joined with a backup
	Coordinator string        `json:"coordinator,omitempty"`
	ExpiresMS   int64         `json:"expires_ms,omitempty"` // posted only: when to ask what became of it
	Database    *api.Database `json:"crdb"`
	Posted      *posted       `json:"posted,omitempty"` // committed only: a configuration to come
	// GivenUp are the IDs of changes of the next version that this node coordinated and gave
	// up, the newest. What is not among them is not given up on its word.
	GivenUp []string `json:"given_up,omitempty"`
	Fault   *fault   `json:"fault,omitempty"`   // why the instance may not go on under its ID
	Deleted bool     `json:"deleted,omitempty"` // removed only: the database was deleted elsewhere
}

func (d *dir) writeRecord(r *record) error {
	return d.write(r, databases, r.Database.GUID, recordFile)
}

// records reads all records; those that cannot be read it says to broken. What a crash
// left of a drop is dropped for good; a directory that held nothing yet is removed. What
// holds no record and is not called like a database is no database's: stray hears of it.
func (d *dir) records(broken func(*record, error), stray func(path string)) ([]*record, error) {
	guids, err := d.list(databases)
	if err != nil {
		return nil, err
	}
	var all []*record
	for _, guid := range guids {
		if !api.IsGUID(guid) {
			if _, err := d.fs.Stat(d.at(databases, guid, recordFile)); err == nil {
				return nil, fmt.Errorf("%s holds the %s of a database and is not called like one: give it its GUID back as its name, or move it away", d.at(databases, guid), recordFile)
			}
			stray(d.at(databases, guid))
			continue
		}
		r := &record{}
		err := d.read(r, databases, guid, recordFile)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			err = d.removeEmpty(guid)
		case err != nil:
		case r.Status == statusDropped:
			err = d.removeDropped(guid, r)
		case r.Database == nil || r.Database.GUID != guid || r.Status != api.StatusPosted && r.Status != api.StatusCommitted && r.Status != api.StatusRemoved:
			err = fmt.Errorf("%s is corrupt: it is not a record of database %s", d.at(databases, guid, recordFile), guid)
		default:
			all = append(all, r)
		}
		if err != nil {
			broken(&record{Database: &api.Database{GUID: guid}}, err)
		}
	}
	return all, nil
}

// removeEmpty removes the directory of a database whose record was never
// written; one with data in it is not ours to remove.
func (d *dir) removeEmpty(guid string) error {
	names, err := d.list(databases, guid)
	if err != nil {
		return err
	}
	for _, n := range names {
		if !strings.HasSuffix(n, tempSuffix) {
			return fmt.Errorf("%s has lost its %s; restore the file or move the directory away", d.at(databases, guid), recordFile)
		}
	}
	return d.remove(databases, guid)
}

// usersDir holds the users that a restore brought, one ACL file per database. They
// are not with the database's data, which a recovery puts aside.
const usersDir = "users"

// removeDropped removes what is left of an instance whose record says that it was dropped:
// its record last, which says so until all is gone. One that never served leaves the users
// to the next one.
func (d *dir) removeDropped(guid string, r *record) error {
	if r.ExpiresMS == 0 {
		if err := d.removeFrom(usersDir, guid+".acl"); err != nil {
			return err
		}
	}
	return d.removeDatabase(guid)
}

// removeDatabase removes a database's data and then its record.
func (d *dir) removeDatabase(guid string) error {
	if err := d.remove(databases, guid, dataDir); err != nil {
		return err
	}
	return d.remove(databases, guid)
}

// note is what a coordinator keeps about a change until all members confirmed.
type note struct {
	State    string        `json:"state"`
	Database *api.Database `json:"crdb"`
	Base     *api.Database `json:"base,omitempty"` // of a change: the configuration that it follows
	// Over is the decided one whose place it took, which some member has not confirmed: it
	// counts again when this one is given up.
	Over   *note    `json:"over,omitempty"`
	Done   []string `json:"-"` // IDs of nodes that confirmed; they are asked again after a restart
	Unsure bool     `json:"-"` // a write of another state failed, which may be on disk all the same
}

// The states of a note beyond the outcomes in api.
const (
	noteAborting = "aborting"
	noteDeleting = "deleting"
	// noteWithdrawn is what "preparing" becomes at a start, in memory only. It takes
	// back what is prepared and no more: on an old disk the note may be of a create
	// that was decided since.
	noteWithdrawn = "withdrawn"
)

const noteSuffix = ".json"

func (d *dir) writeNote(n *note) error { return d.write(n, notesDir, n.Database.GUID+noteSuffix) }

func (d *dir) removeNote(guid string) error { return d.remove(notesDir, guid+noteSuffix) }

// notes reads all notes. What is not called like one was left by a crash, or is none of ours.
func (d *dir) notes() ([]*note, error) {
	names, err := d.list(notesDir)
	if err != nil {
		return nil, err
	}
	var all []*note
	for _, name := range names {
		if !strings.HasSuffix(name, noteSuffix) {
			continue
		}
		n := &note{}
		if err := d.read(n, notesDir, name); err != nil {
			return nil, err
		}
		if n.Database == nil || n.Database.GUID+noteSuffix != name {
			return nil, fmt.Errorf("%s is corrupt: it is not the note of a change", d.at(notesDir, name))
		}
		all = append(all, n)
	}
	return all, nil
}
