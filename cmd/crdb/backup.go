package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/spf13/cobra"

	"crdb/backup"
)

// backupCmd works on backups without a node.
func (a *app) backupCmd() *cobra.Command {
	cmd := &cobra.Command{Use: "backup", Short: "Look at backups on this machine", RunE: func(c *cobra.Command, args []string) error {
		if len(args) > 0 { // not help and exit code 0, by which a script would take the backup for sound
			return fmt.Errorf("unknown command %q for %q", args[0], c.CommandPath())
		}
		return c.Help()
	}}
	var output string
	verify := &cobra.Command{
		Use: "verify DIR", Short: "Check every file of a backup against its checksums; exit code 1 if one is damaged", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if output != "text" && output != "json" {
				return fmt.Errorf("--output %q is none of text, json", output)
			}
			a.began = true
			b, err := backup.Open(vfs.Default, args[0])
			if err == nil {
				err = b.Verify(cmd.Context())
			}
			if err != nil {
				return err
			}
			m := b.Manifest
			if output == "json" {
				e := json.NewEncoder(a.out)
				e.SetIndent("", "  ")
				return e.Encode(m)
			}
			fmt.Fprintf(a.out, "The backup is sound: database %s (%s), region %s, of %s, %d bytes in %d files\n", m.Name, m.Database, m.Region,
				time.UnixMilli(m.CreatedMS).UTC().Format(time.RFC3339), m.Bytes(), len(m.Files))
			return nil
		},
	}
	verify.Flags().StringVarP(&output, "output", "o", "text", "form of the output: text or json")
	cmd.AddCommand(verify)
	return cmd
}
