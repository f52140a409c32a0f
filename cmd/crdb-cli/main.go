package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"crdb/cmd/internal/stdout"
	"crdb/control/api"
)

// Exit codes.
const (
	exitOK = iota
	exitFailure
	exitUsage
	exitPartial
	exitAuth
	exitTimeout
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Getenv("CRDB_NODE"), os.Stdout, os.Stderr))
}

// app is one run of the program.
type app struct {
	out, err io.Writer
	node     string
	output   string
	timeout  time.Duration
	began    bool // a command has begun: what fails now is no usage error
}

// errPartial is a failure that left some clusters done.
var errPartial = errors.New("partial")

// run runs one command line and returns the exit code.
func run(ctx context.Context, args []string, node string, out, errw io.Writer) int {
	w := stdout.New(out)
	a := &app{out: w, err: errw}
	root := a.root(node)
	root.SetArgs(args)
	root.SetOut(w)
	root.SetErr(errw)
	err := w.Ended(root.ExecuteContext(ctx))
	if err == nil {
		return exitOK
	}
	text := strings.TrimPrefix(err.Error(), "partial: ")
	if text != "" && text != errPartial.Error() {
		fmt.Fprintln(errw, "error:", text)
	}
	return a.code(err)
}

// code is the exit code for an error.
func (a *app) code(err error) int {
	var e *api.Error
	errors.As(err, &e)
	switch {
	case !a.began && !errors.Is(err, stdout.ErrUnwritten):
		return exitUsage
	case errors.Is(err, errPartial):
		return exitPartial
	case errors.Is(err, context.DeadlineExceeded) || os.IsTimeout(err):
		return exitTimeout
	case e == nil:
		return exitFailure
	case e.HTTP == http.StatusUnauthorized || e.HTTP == http.StatusForbidden:
		return exitAuth
	case e.HTTP == http.StatusServiceUnavailable:
		return exitPartial
	}
	return exitFailure
}

func (a *app) root(node string) *cobra.Command {
	if node == "" {
		node = fmt.Sprintf("127.0.0.1:%d", api.DefaultAdminPort)
	}
	root := &cobra.Command{
		Use:           "crdb-cli",
		Short:         "Manage Active-Active databases through the admin port of any node",
		Long:          "Manage Active-Active databases through the admin port of any node.\n\nExit codes: 0 done, 1 failed, 2 wrong usage, 3 not ready, unhealthy or done on some\nclusters only, 4 not allowed, 5 no answer in time.",
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       api.Version().Version,
	}
	f := root.PersistentFlags()
	f.StringVar(&a.node, "node", node, "admin address of a node, HOST:ADMINPORT (environment: CRDB_NODE)")
	f.StringVarP(&a.output, "output", "o", "table", "form of the output: table, json or yaml")
	f.DurationVar(&a.timeout, "timeout", 60*time.Second, "give up after this long")
	root.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"table", "json", "yaml"}, cobra.ShellCompDirectiveNoFileComp))
	root.AddCommand(
		group("crdb", "Databases across regions", a.createCmd(), a.listCmd(), a.getCmd(), a.updateCmd(), a.deleteCmd(), a.flushCmd(), a.healthCmd(),
			a.addInstanceCmd(), a.removeInstanceCmd(), a.purgeInstanceCmd(), a.recoverInstanceCmd(), a.releaseHeldCmd(),
			a.verifyCmd(), a.exportCmd(), a.importCmd(), a.backupCmd(), a.restoreCmd()),
		group("task", "Tasks: changes of databases on their way", a.taskListCmd(), a.taskStatusCmd(), a.taskCancelCmd()),
		a.versionCmd())
	return root
}

// group is a command that only has subcommands.
func group(name, short string, sub ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: name, Short: short, RunE: func(c *cobra.Command, args []string) error {
		if len(args) > 0 {
			return fmt.Errorf("unknown command %q for %q", args[0], c.CommandPath())
		}
		return c.Help()
	}}
	c.AddCommand(sub...)
	return c
}

// command makes a command that talks to the node.
func (a *app) command(use, short string, args cobra.PositionalArgs, do func(ctx context.Context, c *api.Client, args []string) error) *cobra.Command {
	return &cobra.Command{Use: use, Short: short, Args: args, RunE: func(cmd *cobra.Command, args []string) error {
		switch a.output {
		case "table", "json", "yaml":
		default:
			return fmt.Errorf("--output %q is none of table, json, yaml", a.output)
		}
		timeout := a.timeout
		if cmd.Annotations[annPatient] != "" && !cmd.Flags().Changed("timeout") {
			timeout = 1<<63 - 1
		}
		c, err := api.NewClient(a.node, &http.Client{Timeout: timeout})
		if err != nil {
			return fmt.Errorf("--node: %w", err)
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
		defer cancel()
		return viaProxy(c.Base, do(ctx, c, args), http.ProxyFromEnvironment)
	}}
}

// viaProxy says in an error that a node was not reached that a proxy of the
// environment was asked: its own answers look like those of a wrong port.
func viaProxy(base string, err error, proxyOf func(*http.Request) (*url.URL, error)) error {
	var e *api.Error
	if !errors.As(err, &e) || e.Code != api.CodeUnreachable {
		return err
	}
	req, bad := http.NewRequest(http.MethodGet, base, nil)
	if bad != nil {
		return err
	}
	proxy, bad := proxyOf(req)
	if bad != nil || proxy == nil {
		return err
	}
	return fmt.Errorf("%w (asked through the proxy %s, as http_proxy says; name the node in no_proxy to go there directly)", err, proxy.Host)
}

func (a *app) versionCmd() *cobra.Command {
	return &cobra.Command{Use: "version", Short: "Print the version of this program", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error {
		a.began = true
		v := api.Version()
		return a.print(v, func(t *table) { t.row("crdb-cli", v.Version); t.row("go", v.Go); t.row("platform", v.Platform) })
	}}
}
