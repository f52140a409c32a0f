package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"crdb/control/api"
)

func (a *app) removeInstanceCmd() *cobra.Command {
	var (
		ids   []int
		force bool
		w     waiting
	)
	cmd := a.onDatabaseChecked("remove-instance", "Remove a region from a database", func() error { return needIDs(ids) },
		func(ctx context.Context, c *api.Client, guid string) error {
			t, err := c.Modify(ctx, guid, &api.Modify{RemoveInstances: ids, ForceRemove: force})
			return a.follow(ctx, c, t, err, w)
		})
	cmd.Long = "Remove a region from a database. The region stops taking writes, hands over all it has to\n" +
		"the others, and then its data is removed: no acknowledged write is lost.\n\n" +
		"--force is for a region that is gone: it is not asked, and what only it has is lost. Name\n" +
		"all regions that are gone in one call. If it comes back, it takes no writes any more;\n" +
		"purge-instance at its node removes its data."
	f := cmd.Flags()
	f.IntSliceVar(&ids, "instance-id", nil, "ID of the instance, from crdb-cli crdb list; may be repeated")
	f.BoolVar(&force, "force", false, "do not ask the instance: it is gone")
	w.flags(f)
	return cmd
}

func needIDs(ids []int) error {
	if len(ids) == 0 {
		return fmt.Errorf("--instance-id is missing")
	}
	return nil
}

func (a *app) purgeInstanceCmd() *cobra.Command {
	var (
		ids []int
		w   waiting
	)
	cmd := a.onDatabaseChecked("purge-instance", "Remove what is left at this node of an instance that was removed by force", func() error { return needIDs(ids) },
		func(ctx context.Context, c *api.Client, guid string) error {
			t, err := c.Purge(ctx, guid, ids)
			return a.follow(ctx, c, t, err, w)
		})
	cmd.Flags().IntSliceVar(&ids, "instance-id", nil, "ID of the instance")
	w.flags(cmd.Flags())
	return cmd
}

func (a *app) recoverInstanceCmd() *cobra.Command {
	var (
		from, instance string
		r              api.Recover
		w              waiting
	)
	read := func() error {
		if r.From = from; instance == "" {
			return nil
		}
		x, err := parseInstance(instance)
		r.Instance = &x
		return err
	}
	var name, guid string
	cmd := a.command("recover-instance GUID|NAME", "Bring this node's instance back under a new ID", cobra.MaximumNArgs(1),
		func(ctx context.Context, c *api.Client, args []string) error {
			for _, id := range append([]string{name, guid}, args...) {
				if id != "" && r.Database != "" {
					return fmt.Errorf("name one database")
				}
				if id != "" {
					r.Database = bare(id)
				}
			}
			if r.Database == "" {
				return fmt.Errorf("name one database: by --crdb-guid, or by GUID or name")
			}
			if err := read(); err != nil {
				return err
			}
			a.began = true
			t, err := c.Recover(ctx, &r)
			return a.follow(ctx, c, t, err, w)
		})
	cmd.Long = "Bring this node's instance of a database back under a new ID, with the state of the other\n" +
		"regions. For an instance that takes no writes because it came back with less log than it\n" +
		"had sent (a restored backup, an old or lost disk, a copy), or that was removed by force.\n" +
		"What is here is put aside below set-aside/ in the data directory, not merged. A node whose\n" +
		"whole directory is lost knows nothing: name a member with --from. With a backup of the database\n" +
		"on this node, only what has changed since comes from the others."
	f := cmd.Flags()
	f.StringVar(&name, "name", "", "name of the database")
	f.StringVar(&guid, "crdb-guid", "", "GUID of the database")
	f.StringVar(&from, "from", "", "HOST:ADMINPORT of a member to ask")
	f.StringVar(&instance, "instance", "", "how the others reach this node, as for add-instance; default: as before")
	f.StringVar(&r.Backup, "from-backup", "", "directory on the node with a backup of this database, an absolute path")
	cmd.ValidArgsFunction = a.completeDatabase
	w.flags(f)
	return cmd
}
