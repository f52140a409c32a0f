package oplog

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/cockroachdb/pebble/v2"

	"crdb/crdt"
)

// FormatVersion is the version of the store's layout, and of the states in it. Older
// ones are read, and are of this version from then on: the first had every element of a
// collection by itself, the second the elements of small lists with their names.
const FormatVersion = 3

// The identity record: format version:2, replica:2, then database, name and
// region, each as uvarint length and bytes. Later versions may append.
func encodeIdentity(id *Identity) []byte {
	b := binary.BigEndian.AppendUint16(nil, FormatVersion)
	b = binary.BigEndian.AppendUint16(b, uint16(id.Replica))
	for _, s := range []string{id.Database, id.Name, id.Region} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	return b
}

func decodeIdentity(b []byte) (id Identity, err error) {
	if len(b) < 4 {
		return id, corrupt("identity")
	}
	if v := binary.BigEndian.Uint16(b); v < 1 || v > FormatVersion {
		return id, fmt.Errorf("%w: version %d, this program knows 1 to %d", ErrFormat, v, FormatVersion)
	}
	id.Replica = crdt.ReplicaID(binary.BigEndian.Uint16(b[2:]))
	b = b[4:]
	for _, s := range []*string{&id.Database, &id.Name, &id.Region} {
		n, k := binary.Uvarint(b)
		if k <= 0 || n > uint64(len(b)-k) {
			return id, corrupt("identity")
		}
		*s = string(b[k : k+int(n)])
		b = b[k+int(n):]
	}
	return id, nil
}

// checkIdentity compares the store's identity with the expected one, or writes it into
// an empty store. A new name, and the version of this program, are written down.
func (s *store) checkIdentity(want *Identity) error {
	v, err := s.get(keyIdentity)
	if err != nil {
		return fmt.Errorf("oplog: read identity of %s: %w", s.dir, err)
	}
	if v == nil {
		return s.claim(want)
	}
	have, err := decodeIdentity(v)
	if err != nil {
		return fmt.Errorf("data directory %s: %w", s.dir, err)
	}
	if have.Database != want.Database || have.Region != want.Region || have.Replica != want.Replica {
		return fmt.Errorf("%w: %s belongs to %v, expected was %v", ErrForeign, s.dir, have, *want)
	}
	if have.Name != want.Name || binary.BigEndian.Uint16(v) != FormatVersion {
		return s.db.Set(keyIdentity, encodeIdentity(want), pebble.Sync)
	}
	return nil
}

// claim writes the identity into a store that holds nothing yet.
func (s *store) claim(want *Identity) error {
	it, err := s.db.NewIter(nil)
	if err != nil {
		return err
	}
	used := it.First()
	if err := it.Close(); err != nil {
		return err
	}
	if used {
		return fmt.Errorf("%w: %s holds a store without a crdb identity", ErrForeign, s.dir)
	}
	return s.db.Set(keyIdentity, encodeIdentity(want), pebble.Sync)
}

// String says who it is, for messages.
func (id Identity) String() string {
	return fmt.Sprintf("database %q (%s), region %s, replica %d", id.Name, id.Database, id.Region, id.Replica)
}

// ours reports whether a name in the directory may be a file of the store.
func ours(name string) bool {
	switch name {
	case "LOCK", "CURRENT", "archive", "lost+found":
		return true
	}
	for _, p := range []string{"MANIFEST-", "OPTIONS-", "marker.", "REMOTE-OBJ-CATALOG-", "temporary."} {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	for _, p := range []string{".log", ".sst", ".blob", ".dbtmp"} {
		if strings.HasSuffix(name, p) {
			return true
		}
	}
	return false
}
