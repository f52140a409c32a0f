package control

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// The files of a node are JSON, for who has to look at them, and a last line with the
// checksum of what is above it: one digit that a bit has made another is another replica's
// ID, or an older version. Files of earlier builds have no such line.

// sumLine begins the last line; eight hexadecimal digits follow.
const sumLine = "crc32c "

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(data []byte) string {
	return fmt.Sprintf("%s%08x\n", sumLine, crc32.Checksum(data, castagnoli))
}

// write replaces a file by v as JSON, so that a crash leaves the old or the
// new one.
func (d *dir) write(v any, elem ...string) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	data = append(data, '\n')
	data = append(data, checksum(data)...)
	path := d.at(elem...)
	f, err := d.fs.Create(path+tempSuffix, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = d.fs.Rename(path+tempSuffix, path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return d.sync(d.fs.PathDir(path))
}

// read reads a JSON file into v.
func (d *dir) read(v any, elem ...string) error {
	path := d.at(elem...)
	f, err := d.fs.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	if end := bytes.LastIndex(data, []byte("\n"+sumLine)) + 1; end > 0 {
		if string(data[end:]) != checksum(data[:end]) {
			return fmt.Errorf("%s is corrupt: its checksum is wrong", path)
		}
		data = data[:end]
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("%s is corrupt: %w", path, err)
	}
	return nil
}
