package backup

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"

	"crdb/crdt"
)

// Format is the version of the layout that is written. Older ones are read:
// the first had no users, the second every element of a collection by itself, the third
// the elements of small lists with their names.
const Format = 4

const (
	manifestName = "MANIFEST"
	maxManifest  = 16 << 20
	magic        = "crdbBak1"
	stateFiles   = 16
	rangesFile   = "ranges"
	logFile      = "log"
	usersFile    = "users"
)

// ErrDamaged marks a backup that is not what was written, or no backup.
var ErrDamaged = errors.New("damaged backup")

// Manifest says what a backup is of. The caller gives what is above Files.
type Manifest struct {
	Program   string                            `json:"program"`
	Format    int                               `json:"format"`
	Version   string                            `json:"version"`    // of the program
	CreatedMS int64                             `json:"created_ms"` // unix milliseconds
	Database  string                            `json:"guid"`
	Name      string                            `json:"name"`
	Region    string                            `json:"region"`
	Replica   crdt.ReplicaID                    `json:"replica"`
	Config    json.RawMessage                   `json:"crdb,omitempty"` // as the node keeps it
	Vector    map[crdt.ReplicaID]crdt.Timestamp `json:"vector"`         // what the backup contains
	Records   int64                             `json:"records"`
	Blocks    int64                             `json:"blocks"`
	Files     []File                            `json:"files"`
}

// File is one file of a backup.
type File struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Bytes is the size of all files.
func (m *Manifest) Bytes() (n int64) {
	for _, f := range m.Files {
		n += f.Size
	}
	return n
}

func (m *Manifest) file(name string) *File {
	for i := range m.Files {
		if m.Files[i].Name == name {
			return &m.Files[i]
		}
	}
	return nil
}

// names are the files that every backup of the format has.
func (m *Manifest) names() []string {
	all := []string{rangesFile}
	for i := range stateFiles {
		all = append(all, stateName(i))
	}
	if m.Format > 1 {
		all = append(all, usersFile)
	}
	return append(all, logFile)
}

func stateName(i int) string { return fmt.Sprintf("state-%02d", i) }

// encode returns the manifest's bytes.
func (m *Manifest) encode() ([]byte, error) {
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, err
	}
	data = append(data, '\n')
	sum := sha256.Sum256(data)
	return append(data, "sha256 "+hex.EncodeToString(sum[:])+"\n"...), nil
}

// readManifest reads and checks the manifest of a directory.
func readManifest(fsys vfs.FS, dir string) (*Manifest, error) {
	path := fsys.PathJoin(dir, manifestName)
	f, err := fsys.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s has no %s: it is no backup, or was never finished", ErrDamaged, dir, manifestName)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxManifest))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	end := strings.LastIndex(strings.TrimSuffix(string(data), "\n"), "\n") + 1
	sum := sha256.Sum256(data[:end])
	if string(data[end:]) != "sha256 "+hex.EncodeToString(sum[:])+"\n" {
		return nil, fmt.Errorf("%w: %s: its checksum is wrong", ErrDamaged, path)
	}
	m := &Manifest{}
	if err := json.Unmarshal(data[:end], m); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrDamaged, path, err)
	}
	if m.Program != "crdb" || m.Format < 1 || m.Format > Format {
		return nil, fmt.Errorf("%s is of program %q, format %d; this program reads crdb's formats 1 to %d", path, m.Program, m.Format, Format)
	}
	for _, name := range m.names() {
		if m.file(name) == nil {
			return nil, fmt.Errorf("%w: %s names no file %s", ErrDamaged, path, name)
		}
	}
	return m, nil
}
