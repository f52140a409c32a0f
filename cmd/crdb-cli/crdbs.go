package main

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"crdb/control/api"
)

func (a *app) listCmd() *cobra.Command {
	return a.command("list", "List the databases of the node", cobra.NoArgs, func(ctx context.Context, c *api.Client, _ []string) error {
		a.began = true
		l, err := c.Databases(ctx)
		if err != nil {
			return err
		}
		return a.print(l, func(t *table) {
			t.row("CRDB-GUID", "NAME", "REPL-ID", "CLUSTER-FQDN", "REGION", "PORT")
			for _, d := range l {
				for _, x := range d.LocalDatabases {
					if x.Status != "" {
						t.row(d.GUID, d.Name, strconv.Itoa(x.ID), "this node: "+x.Status, "-", "-")
					}
				}
				for i, x := range d.Instances {
					t.row(d.GUID, d.Name, strconv.Itoa(x.ID), x.Cluster.Name, x.Region, strconv.Itoa(d.Port(i)))
				}
			}
		})
	})
}

// onDatabase makes a command on one database, named by --crdb-guid or --name,
// or by GUID or name as its argument.
func (a *app) onDatabase(name, short string, do func(ctx context.Context, c *api.Client, guid string) error) *cobra.Command {
	return a.onDatabaseChecked(name, short, func() error { return nil }, do)
}

// onDatabaseChecked is onDatabase for a command whose flags are checked first.
func (a *app) onDatabaseChecked(name, short string, check func() error, do func(ctx context.Context, c *api.Client, guid string) error) *cobra.Command {
	var byGUID, byName string
	cmd := a.command(name+" GUID|NAME", short, cobra.MaximumNArgs(1), func(ctx context.Context, c *api.Client, args []string) error {
		var ids []string
		for _, id := range append([]string{byGUID, byName}, args...) {
			if id != "" {
				ids = append(ids, id)
			}
		}
		if len(ids) != 1 {
			return fmt.Errorf("name one database: by --crdb-guid, or by GUID or name")
		}
		if err := check(); err != nil {
			return err
		}
		id := ids[0]
		a.began = true
		guid, err := lookUp(ctx, c, id)
		if err != nil {
			return err
		}
		return do(ctx, c, guid)
	})
	cmd.Flags().StringVar(&byGUID, "crdb-guid", "", "GUID of the database")
	cmd.Flags().StringVar(&byName, "name", "", "name of the database")
	cmd.RegisterFlagCompletionFunc("name", a.completeName)
	cmd.ValidArgsFunction = a.completeDatabase
	cmd.RegisterFlagCompletionFunc("crdb-guid", a.completeDatabase)
	return cmd
}

// bare is a GUID without "crdb:"; a name stays as it is.
func bare(id string) string {
	if guid := strings.TrimPrefix(id, "crdb:"); api.IsGUID(guid) {
		return guid
	}
	return id
}

// lookUp returns the GUID for a GUID (with or without "crdb:") or a name.
func lookUp(ctx context.Context, c *api.Client, id string) (string, error) {
	if guid := bare(id); api.IsGUID(guid) {
		return guid, nil
	}
	l, err := c.Databases(ctx)
	if err != nil {
		return "", err
	}
	for _, d := range l {
		if d.Name == id {
			return d.GUID, nil
		}
	}
	return "", fmt.Errorf("the node has no database with GUID or name %q", id)
}

// completeTime is how long the shell waits for what it offers: whoever has pressed
// TAB waits as well, also for a node that answers nothing.
const completeTime = 2 * time.Second

// offered are the databases of the node, for the shell; none if it does not answer.
func (a *app) offered(cmd *cobra.Command) []api.Database {
	c, err := api.NewClient(a.node, &http.Client{Timeout: completeTime})
	if err != nil {
		return nil
	}
	l, _ := c.Databases(cmd.Context())
	return l
}

// completeDatabase offers the databases of the node to the shell.
func (a *app) completeDatabase(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var all []string
	for _, d := range a.offered(cmd) {
		all = append(all, d.GUID+"\t"+d.Name)
	}
	return all, cobra.ShellCompDirectiveNoFileComp
}

func (a *app) getCmd() *cobra.Command {
	return a.onDatabase("get", "Show a database", func(ctx context.Context, c *api.Client, guid string) error {
		d, err := c.Database(ctx, guid)
		if err != nil {
			return err
		}
		return a.print(d, func(t *table) {
			t.row("CRDB-GUID:", d.GUID)
			t.row("Name:", d.Name)
			t.row("Encryption:", strconv.FormatBool(d.Encryption))
			t.row("Causal consistency:", strconv.FormatBool(d.CausalConsistency))
			t.row("Protocol version:", strconv.Itoa(d.ProtocolVersion))
			t.row("FeatureSet version:", strconv.Itoa(d.FeaturesetVersion))
			t.row("Configuration version:", strconv.Itoa(d.ConfigVersion))
			if d.DefaultDBConfig.Without(api.DBConfig{}) != (api.DBConfig{}) {
				t.row("Default-DB-Config:", "")
				t.settings(d.DefaultDBConfig)
			}
			for _, x := range d.LocalDatabases {
				if x.Status != "" {
					t.row("This node:", fmt.Sprintf("instance %d, %s: %s", x.ID, x.Status, x.Reason))
				}
			}
			for i, x := range d.Instances {
				t.row("Instance:", "")
				t.row("  Id:", strconv.Itoa(x.ID))
				t.row("  Region:", x.Region)
				t.row("  FQDN:", x.Cluster.Name)
				t.row("  URL:", x.Cluster.URL)
				t.row("  Replication-Endpoint:", x.Cluster.ReplicationEndpoint)
				t.row("  Port:", strconv.Itoa(d.Port(i)))
				if x.DBConfig != nil {
					t.settings(x.DBConfig.Without(api.DBConfig{}))
				}
			}
		})
	})
}

// settings shows those settings of a database that are given; what is not is as
// the node's configuration says.
func (t *table) settings(c api.DBConfig) {
	if c.MemorySize != nil {
		t.row("  Memory-size:", strconv.FormatInt(*c.MemorySize, 10))
	}
	if c.EvictionPolicy != "" {
		t.row("  Eviction-policy:", c.EvictionPolicy)
	}
	if c.AOFPolicy != "" {
		t.row("  AOF-policy:", c.AOFPolicy)
	}
}

func (a *app) deleteCmd() *cobra.Command {
	var w waiting
	cmd := a.onDatabase("delete", "Delete a database in all its regions, for good", func(ctx context.Context, c *api.Client, guid string) error {
		t, err := c.Delete(ctx, guid)
		return a.follow(ctx, c, t, err, w)
	})
	w.flags(cmd.Flags())
	return cmd
}

func (a *app) flushCmd() *cobra.Command {
	var w waiting
	cmd := a.onDatabase("flush", "Remove all keys of a database", func(ctx context.Context, c *api.Client, guid string) error {
		t, err := c.Flush(ctx, guid)
		return a.follow(ctx, c, t, err, w)
	})
	w.flags(cmd.Flags())
	return cmd
}

func (a *app) healthCmd() *cobra.Command {
	return a.onDatabase("health-report", "Ask all regions of a database how they are; exit code 3 if not well", func(ctx context.Context, c *api.Client, guid string) error {
		l, err := c.HealthReport(ctx, guid)
		if err != nil {
			return err
		}
		err = a.print(l, func(t *table) {
			t.row("CLUSTER-FQDN", "REGION", "CONFIG", "PEER", "LINK", "LAG-SECONDS", "STATE-TRANSFER", "ERROR")
			for _, r := range l {
				config := "-"
				if len(r.Configurations) > 0 {
					config = fmt.Sprintf("%d %s", r.Configurations[0].Version, r.Configurations[0].Status)
				}
				if r.Alarm != "" {
					t.row(r.ClusterName, r.Region, config, "-", r.Status, "-", "-", r.Alarm)
				} else if len(r.Connections) == 0 {
					t.row(r.ClusterName, r.Region, config, "-", "-", "-", "-", r.ConnectionError)
				}
				for _, k := range r.Connections {
					t.row(r.ClusterName, r.Region, config, k.Name, k.Status, strconv.FormatFloat(k.LagSeconds, 'f', 3, 64), k.Transfer.String(), k.Trouble())
				}
			}
		})
		if err == nil && !api.Healthy(l) {
			err = fmt.Errorf("%w: the database is not healthy in all regions", errPartial)
		}
		return err
	})
}
