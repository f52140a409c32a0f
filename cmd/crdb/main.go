package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"crdb/cmd/internal/stdout"
	"crdb/crdt"
)

// Exit codes.
const (
	exitOK = iota
	exitFailure
	exitUsage
	exitNotReady
)

// errNotReady is the failure of a health check.
var errNotReady = errors.New("not ready")

func main() {
	crdt.SetElementSeed(rand.Uint64())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	code := run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// app is one run of the program.
type app struct {
	environ  []string
	out, err io.Writer
	began    bool // the command line was understood
}

// run runs one command line until ctx ends and returns the exit code.
func run(ctx context.Context, args, environ []string, out, errw io.Writer) int {
	w := stdout.New(out)
	a := &app{environ: environ, out: w, err: errw}
	root := &cobra.Command{
		Use:           "crdb",
		Short:         "An Active-Active database that speaks the Redis protocol",
		Long:          "An Active-Active database that speaks the Redis protocol.\n\nExit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 not ready.",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetArgs(args)
	root.SetOut(w)
	root.SetErr(errw)
	root.AddCommand(a.serveCmd(), a.demoCmd(), a.healthcheckCmd(), a.backupCmd(), a.versionCmd())
	err := w.Ended(root.ExecuteContext(ctx))
	if err == nil {
		return exitOK
	}
	fmt.Fprintln(errw, "crdb:", err)
	switch {
	case !a.began && !errors.Is(err, stdout.ErrUnwritten):
		return exitUsage
	case errors.Is(err, errNotReady):
		return exitNotReady
	}
	return exitFailure
}
