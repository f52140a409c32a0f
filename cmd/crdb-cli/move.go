package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"crdb/control/api"
	"crdb/rdb"
)

// patient makes a command on one database that may take as long as it needs,
// unless --timeout is given.
func (a *app) patient(name, short string, do func(ctx context.Context, c *api.Client, guid string) error) *cobra.Command {
	cmd := a.onDatabase(name, short, do)
	cmd.Annotations = map[string]string{annPatient: "yes"}
	return cmd
}

// annPatient marks commands without a timeout of their own.
const annPatient = "patient"

func (a *app) exportCmd() *cobra.Command {
	var path string
	var force bool
	cmd := a.patient("export --file FILE", "Write the keys of a database to a dump file of Redis", func(ctx context.Context, c *api.Client, guid string) error {
		m, err := a.export(ctx, c, guid, path, force)
		if err != nil {
			return err
		}
		if path == "-" {
			return nil
		}
		return a.print(m, func(t *table) { t.row("Exported:", m.String()); t.row("File:", path) })
	})
	cmd.Long = "Write the keys of a database, as they are at one moment, to a dump file that Redis 7.0\nand later load. Clients are served meanwhile. FILE is on this machine; - is standard output."
	cmd.Flags().StringVar(&path, "file", "", "file to write")
	cmd.Flags().BoolVar(&force, "force", false, "replace the file if it is there")
	cmd.MarkFlagRequired("file")
	cmd.MarkFlagFilename("file", "rdb")
	return cmd
}

// export writes the file aside and puts it in its place when it is whole.
func (a *app) export(ctx context.Context, c *api.Client, guid, path string, force bool) (*api.Moved, error) {
	if path == "-" {
		return c.Export(ctx, guid, a.out)
	}
	info, err := os.Stat(path)
	switch {
	case err == nil && !info.Mode().IsRegular(): // a device or pipe would be replaced by a file, for everybody
		return nil, fmt.Errorf("%s is no regular file; - is standard output", path)
	case err == nil && !force:
		return nil, fmt.Errorf("%s is there already; --force replaces it", path)
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".part-")
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name()) // it is not there any more if all went well
	m, err := c.Export(ctx, guid, f)
	if err == nil {
		err = f.Chmod(0o600)
	}
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	return m, err
}

// syncDir makes the names in a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (a *app) importCmd() *cobra.Command {
	var path string
	var flush, replace, merge bool
	cmd := a.patient("import --file FILE", "Write the keys of a dump file of Redis into a database", func(ctx context.Context, c *api.Client, guid string) error {
		mode := ""
		for _, m := range []struct {
			set  bool
			mode string
		}{{flush, api.ImportFlush}, {replace, api.ImportReplace}, {merge, api.ImportMerge}} {
			if m.set {
				mode = m.mode
			}
		}
		return a.importFile(ctx, c, guid, path, mode)
	})
	cmd.Long = "Write the keys of a dump file (RDB, as SAVE, BGSAVE and redis-cli --rdb make it) into a database,\n" +
		"as ordinary writes that replicate to all regions. A file on this machine is checked from beginning to\n" +
		"end before the first key is written; - is standard input, which is not. Without a flag that says what\n" +
		"becomes of keys that are there, the database must be empty."
	f := cmd.Flags()
	f.StringVar(&path, "file", "", "file to read")
	f.BoolVar(&flush, "flush", false, "remove all keys first")
	f.BoolVar(&replace, "replace", false, "a key of the file replaces one that is there")
	f.BoolVar(&merge, "merge", false, "sets, hashes and sorted sets unite, lists are appended, strings are replaced")
	cmd.MarkFlagsMutuallyExclusive("flush", "replace", "merge")
	cmd.MarkFlagRequired("file")
	cmd.MarkFlagFilename("file", "rdb")
	return cmd
}

func (a *app) importFile(ctx context.Context, c *api.Client, guid, path, mode string) error {
	src, size := io.Reader(os.Stdin), int64(-1)
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		var e *rdb.Error
		switch size, err = checkDump(f); {
		case errors.As(err, &e):
			return fmt.Errorf("%s: %w", path, err)
		case err != nil: // it names the file
			return err
		}
		src = f
	}
	t, err := c.Import(ctx, guid, mode, "", src, size)
	if err != nil {
		return err
	}
	failed := t.Status == api.TaskFailed
	if !failed || a.output != "table" {
		err = a.print(t, func(out *table) {
			if t.Moved != nil {
				out.row("Imported:", t.Moved.String())
			}
		})
	}
	if !failed {
		return err
	}
	if t.Moved != nil && t.Moved.Keys > 0 { // they stay
		fmt.Fprintln(a.err, "written before it failed:", t.Moved.String())
	}
	return errors.Join(a.failed(t), err)
}

// checkDump reads a dump file from beginning to end, and goes back: with --flush,
// what is found later has cost all keys.
func checkDump(f *os.File) (size int64, err error) {
	r := rdb.NewReader(f)
	if err := r.ReadFile(&rdb.Handler{Databases: api.Databases}); err != nil {
		return 0, err
	}
	if !r.AtEnd() {
		return 0, errors.Join(r.Err(), &rdb.Error{Offset: r.Offset(), Text: "the dump ends here, but more bytes follow"})
	}
	_, err = f.Seek(0, io.SeekStart)
	return r.Offset(), err
}

// completeName offers the names of the node's databases to the shell.
func (a *app) completeName(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	var all []string
	for _, d := range a.offered(cmd) {
		all = append(all, d.Name)
	}
	return all, cobra.ShellCompDirectiveNoFileComp
}
