package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"crdb/control/api"
)

func (a *app) createCmd() *cobra.Command {
	var (
		name      string
		port      int
		instances []string
		dry       bool
		w         waiting
	)
	cmd := a.command("create --name NAME --instance HOST:ADMINPORT ...", "Create a database over one or more nodes", cobra.NoArgs,
		func(ctx context.Context, c *api.Client, _ []string) error {
			d, err := parseDatabase(name, port, instances)
			if err != nil {
				return err
			}
			a.began = true
			if dry {
				return a.check(ctx, c, d)
			}
			t, err := c.Create(ctx, d)
			return a.follow(ctx, c, t, err, w)
		})
	cmd.Long = "Create a database over one or more nodes. An instance is HOST[:ADMINPORT] or fqdn=HOST[:ADMINPORT], then\n" +
		"[,port=RESPPORT][,url=http://HOST:ADMINPORT][,replication_endpoint=HOST:PEERPORT].\n" +
		"Every node must reach the others at these addresses."
	f := cmd.Flags()
	f.StringVar(&name, "name", "", "name of the database")
	f.IntVar(&port, "port", 0, "RESP port at all instances that name none; 0: each node chooses a free one from 12000 to 19999")
	f.StringArrayVar(&instances, "instance", nil, "a node to have an instance; repeat for every region")
	f.BoolVar(&dry, "dry-run", false, "only check: addresses, versions, clocks, regions")
	w.flags(f)
	return cmd
}

// check prints what a create would do.
func (a *app) check(ctx context.Context, c *api.Client, d *api.Database) error {
	r, err := c.Check(ctx, d)
	if err != nil {
		return err
	}
	return a.print(r, func(t *table) {
		t.row("CLUSTER-FQDN", "REGION", "REPL-ID", "REPLICATION-ENDPOINT")
		for _, x := range r.Database.Instances {
			t.row(x.Cluster.Name, x.Region, strconv.Itoa(x.ID), x.Cluster.ReplicationEndpoint)
		}
	})
}

func parseDatabase(name string, port int, instances []string) (*api.Database, error) {
	if name == "" {
		return nil, fmt.Errorf("--name is missing")
	}
	if len(instances) == 0 {
		return nil, fmt.Errorf("--instance is missing; name every node that is to have an instance")
	}
	d := &api.Database{Name: name, DefaultDBConfig: api.DBConfig{Port: port}}
	for i, s := range instances {
		x, err := parseInstance(s)
		if err != nil { // s itself may hold a password
			return nil, fmt.Errorf("--instance number %d: %w", i+1, err)
		}
		d.Instances = append(d.Instances, x)
	}
	return d, d.Validate()
}

// parseInstance reads one --instance. Its first part may be the bare address.
func parseInstance(s string) (api.Instance, error) {
	var x api.Instance
	seen := map[string]bool{}
	for i, part := range strings.Split(s, ",") {
		key, value, ok := strings.Cut(part, "=")
		if i == 0 && !ok {
			key, value, ok = "fqdn", part, true
		}
		if !ok || value == "" {
			return x, fmt.Errorf("part %d is not key=value", i+1)
		}
		if seen[key] {
			return x, fmt.Errorf("%s is given twice", key)
		}
		seen[key] = true
		if err := setInstance(&x, key, value); err != nil {
			return x, err
		}
	}
	if x.Cluster.Name == "" {
		return x, fmt.Errorf("fqdn is missing")
	}
	return x, nil
}

func setInstance(x *api.Instance, key, value string) error {
	switch key {
	case "fqdn":
		x.Cluster.Name = value
	case "url":
		x.Cluster.URL = value
	case "replication_endpoint":
		x.Cluster.ReplicationEndpoint = value
	case "port":
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 || n > 65535 {
			return fmt.Errorf("%q is not a port", value)
		}
		x.DBConfig = &api.DBConfig{Port: n}
	case "username", "password", "client_cert", "client_key", "trusted_ca", "replication_tls_sni":
		return fmt.Errorf("%s: credentials and TLS are not available yet", key)
	default:
		return fmt.Errorf("unknown key %q; possible: fqdn, port, url, replication_endpoint", key)
	}
	return nil
}
