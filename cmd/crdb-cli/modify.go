package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"crdb/control/api"
	"crdb/control/conf"
)

func (a *app) addInstanceCmd() *cobra.Command {
	var (
		instances []string
		backup    string
		w         waiting
	)
	cmd := a.onDatabaseChecked("add-instance", "Add a region to a database", func() error {
		if len(instances) == 0 {
			return fmt.Errorf("--instance is missing")
		}
		if backup != "" && len(instances) != 1 {
			return fmt.Errorf("--from-backup is for one --instance")
		}
		_, err := parseInstances(instances)
		return err
	}, func(ctx context.Context, c *api.Client, guid string) error {
		list, err := parseInstances(instances)
		if err != nil {
			return err
		}
		t, err := c.Modify(ctx, guid, &api.Modify{AddInstances: list, Backup: backup})
		return a.follow(ctx, c, t, err, w)
	})
	cmd.Long = "Add a region to a database while all others serve. An instance is HOST:ADMINPORT, or\n" +
		"fqdn=HOST[:ADMINPORT][,port=RESPPORT][,url=http://HOST:ADMINPORT][,replication_endpoint=HOST:PEERPORT].\n" +
		"The task ends when the new region holds what the others held. With a backup of the database in a\n" +
		"directory of the new node's machine, only what has changed since is sent there."
	cmd.Flags().StringArrayVar(&instances, "instance", nil, "the node to have an instance; may be repeated")
	cmd.Flags().StringVar(&backup, "from-backup", "", "directory on the new node with a backup of this database, an absolute path")
	w.flags(cmd.Flags())
	return cmd
}

// parseInstances reads all --instance.
func parseInstances(list []string) ([]api.Instance, error) {
	var all []api.Instance
	for i, s := range list {
		x, err := parseInstance(s)
		if err != nil { // s itself may hold a password
			return nil, fmt.Errorf("--instance number %d: %w", i+1, err)
		}
		all = append(all, x)
	}
	return all, nil
}

// updating are the flags of update.
type updating struct {
	memory, policy, config, file string
	force                        bool
}

func (a *app) updateCmd() *cobra.Command {
	var (
		u updating
		w waiting
	)
	cmd := a.onDatabaseChecked("update", "Change the settings of a database in all its regions", func() error { _, err := u.read(); return err },
		func(ctx context.Context, c *api.Client, guid string) error {
			d, err := u.read()
			if err != nil {
				return err
			}
			t, err := c.Update(ctx, guid, &api.Update{DefaultDBConfig: d}, u.force)
			return a.follow(ctx, c, t, err, w)
		})
	cmd.Long = "Change the settings of a database in all its regions. They beat what a node's own\n" +
		"configuration file says, and what CONFIG SET has set. The fields of --default-db-config\n" +
		"are memory_size, eviction_policy and aof_policy."
	f := cmd.Flags()
	u.flags(cmd)
	f.StringVar(&u.config, "default-db-config", "", "settings as JSON")
	f.StringVar(&u.file, "default-db-config-file", "", "file with settings as JSON")
	f.BoolVar(&u.force, "force", false, "make a new version of the configuration even if nothing changes")
	cmd.MarkFlagFilename("default-db-config-file", "json")
	w.flags(f)
	return cmd
}

// flags adds those that a restore has, too.
func (u *updating) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&u.memory, "memory-size", "", "limit of memory, such as 512mb; 0: none")
	f.StringVar(&u.policy, "eviction-policy", "", "what is evicted at the limit")
	cmd.RegisterFlagCompletionFunc("eviction-policy", cobra.FixedCompletions(api.EvictionPolicies, cobra.ShellCompDirectiveNoFileComp))
}

// read puts the flags together; nil if none says anything and a new version is
// wanted all the same.
func (u *updating) read() (*api.DBConfig, error) {
	d, err := u.settings()
	if err != nil {
		return nil, err
	}
	if empty, _ := json.Marshal(d); string(empty) == "{}" {
		if !u.force {
			return nil, fmt.Errorf("nothing to change: say --memory-size, --eviction-policy or --default-db-config")
		}
		return nil, nil
	}
	return d, nil
}

// settings puts the flags together.
func (u *updating) settings() (*api.DBConfig, error) {
	var d api.DBConfig
	text := []byte(u.config)
	if u.file != "" {
		if u.config != "" {
			return nil, fmt.Errorf("give --default-db-config or --default-db-config-file, not both")
		}
		var err error
		if text, err = os.ReadFile(u.file); err != nil {
			return nil, err
		}
	}
	if len(text) > 0 {
		if err := api.Decode(text, &d); err != nil {
			return nil, fmt.Errorf("--default-db-config: %w", err)
		}
	}
	if u.memory != "" {
		n, err := conf.Bytes(u.memory)
		if err != nil {
			return nil, fmt.Errorf("--memory-size: %w", err)
		}
		d.MemorySize = &n
	}
	if u.policy != "" {
		d.EvictionPolicy = u.policy
	}
	if err := d.Check(); err != nil {
		return nil, err
	}
	return &d, nil
}
