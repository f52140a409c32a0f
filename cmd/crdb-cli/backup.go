package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"crdb/control/api"
)

func (a *app) backupCmd() *cobra.Command {
	var dir string
	var w waiting
	cmd := a.patient("backup --dir DIR", "Write a backup of a database into a directory of the node", func(ctx context.Context, c *api.Client, guid string) error {
		t, err := c.Backup(ctx, guid, dir)
		return a.follow(ctx, c, t, err, w)
	})
	cmd.Long = "Write a backup of a database, as it is at one moment, into a directory of the node's machine:\n" +
		"an absolute path, new or empty. Clients are served meanwhile. crdb backup verify DIR checks it."
	cmd.Flags().StringVar(&dir, "dir", "", "directory on the node, an absolute path")
	cmd.MarkFlagRequired("dir")
	w.flags(cmd.Flags())
	return cmd
}

func (a *app) restoreCmd() *cobra.Command {
	var (
		dir, name string
		port      int
		instances []string
		u         updating
		w         waiting
	)
	cmd := a.command("restore --name NEW --dir DIR", "Make a new database of a backup in a directory of the node", cobra.NoArgs,
		func(ctx context.Context, c *api.Client, _ []string) error {
			settings, err := u.settings()
			if err != nil {
				return err
			}
			d := &api.Database{Name: name, DefaultDBConfig: api.DBConfig{Port: port}}
			if len(instances) > 0 {
				if d, err = parseDatabase(name, port, instances); err != nil {
					return err
				}
			} else if err := api.CheckName("database", name); err != nil {
				return fmt.Errorf("--name: %w", err)
			}
			d.DefaultDBConfig = settings.Over(d.DefaultDBConfig)
			a.began = true
			t, err := c.Restore(ctx, dir, d)
			return a.follow(ctx, c, t, err, w)
		})
	cmd.Annotations = map[string]string{annPatient: "yes"}
	cmd.Long = "Make a new database, with a GUID of its own, and write into it what a backup holds. The backup is\n" +
		"in a directory of the machine of the node asked, which must be one of the instances; without\n" +
		"--instance it is the only one. The backup is checked first; if the database cannot be filled it is\n" +
		"deleted again, unless the node stops meanwhile. Its users come to all regions, and its settings that crdb-cli crdb update can change, unless a\n" +
		"flag says another."
	f := cmd.Flags()
	f.StringVar(&dir, "dir", "", "directory on the node, an absolute path")
	f.StringVar(&name, "name", "", "name of the new database")
	f.IntVar(&port, "port", 0, "RESP port at all instances that name none; 0: each node chooses a free one from 12000 to 19999")
	f.StringArrayVar(&instances, "instance", nil, "a node to have an instance, as for create; repeat for every region")
	cmd.MarkFlagRequired("dir")
	cmd.MarkFlagRequired("name")
	u.flags(cmd)
	w.flags(f)
	return cmd
}
