package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"crdb/control/api"
	"crdb/control/conf"
)

func (a *app) versionCmd() *cobra.Command {
	var output string
	cmd := &cobra.Command{Use: "version", Short: "Print the version", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error {
		v := api.Version()
		switch output {
		case "json":
			a.began = true
			return json.NewEncoder(a.out).Encode(v)
		case "text":
			a.began = true
			fmt.Fprintf(a.out, "crdb %s %s %s (protocol %d, format %d)\n", v.Version, v.Go, v.Platform, v.ProtocolVersion, v.FormatVersion)
			return nil
		}
		return fmt.Errorf("--output %q is none of text, json", output)
	}}
	cmd.Flags().StringVarP(&output, "output", "o", "text", "form of the output: text or json")
	return cmd
}

// healthcheckCmd asks the node of this machine whether it is ready. Flags and
// variables are those of serve, so that a container's check needs none.
func (a *app) healthcheckCmd() *cobra.Command {
	var (
		timeout time.Duration
		maxLag  int64
	)
	cmd := &cobra.Command{Use: "healthcheck", Short: "Ask the node on this machine whether it is ready; exit code 3 if not", Args: cobra.NoArgs}
	f := cmd.Flags()
	d := conf.Defaults()
	f.String("bind", d.Bind, "address of the node, as given to serve")
	f.Int("admin-port", d.AdminPort, "port of its admin interface")
	f.DurationVar(&timeout, "timeout", 3*time.Second, "give up after this long")
	f.Int64Var(&maxLag, "max-lag-ms", -1, "also ask that no connected region is further behind than this")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		var flags []conf.Flag
		for _, x := range changed(f) {
			if x.Name == "bind" || x.Name == "admin-port" {
				flags = append(flags, x)
			}
		}
		s, _, err := conf.Load(conf.Options{Flags: flags, Environ: a.environ, File: lookup(a.environ, "CRDB_CONFIG"), Check: anySetting})
		if err != nil {
			return err
		}
		a.began = true
		client := &api.Client{Base: "http://" + net.JoinHostPort(reachable(s.Bind), itoa(s.AdminPort)), HTTP: direct(timeout)}
		if err := client.Ready(cmd.Context(), maxLag); err != nil {
			return fmt.Errorf("%w: %w", errNotReady, err)
		}
		fmt.Fprintln(a.out, "ready")
		return nil
	}
	return cmd
}

// direct is a client that asks no proxy, whatever the environment says: what is
// asked is on this machine, and a container may be given http_proxy unasked.
func direct(timeout time.Duration) *http.Client {
	return &http.Client{Timeout: timeout, Transport: &http.Transport{}}
}

// anySetting takes every name: a health check has no use for databases'
// settings and does not judge them.
func anySetting(string, string) error { return nil }

// reachable returns an address by which a bound one is reached from here.
func reachable(bind string) string {
	ip := net.ParseIP(bind)
	switch {
	case ip == nil || !ip.IsUnspecified():
		return bind
	case ip.To4() == nil:
		return "::1"
	}
	return "127.0.0.1"
}
