package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"crdb/control/api"
)

const pollEvery = 50 * time.Millisecond

// waiting is whether a command waits for its task.
type waiting struct{ wait, no bool }

func (w *waiting) flags(f *pflag.FlagSet) {
	f.BoolVar(&w.wait, "wait", true, "wait for the task to end")
	f.BoolVar(&w.no, "no-wait", false, "print the task's ID and return")
}

// follow prints a task that was started and waits for its end.
func (a *app) follow(ctx context.Context, c *api.Client, t *api.Task, err error, w waiting) error {
	if err != nil {
		return err
	}
	a.say("Task %s created", t.ID)
	if w.no || !w.wait {
		if a.output != "table" {
			return a.print(t, nil)
		}
		return nil
	}
	last := *t
	t, err = c.Wait(ctx, t.ID, pollEvery, func(now *api.Task) {
		if now.Status != last.Status {
			if last.Status == api.TaskQueued && now.Final() { // it was faster than the poll
				a.say(" ---> Status changed: %s -> %s", last.Status, api.TaskStarted)
				last.Status = api.TaskStarted
			}
			a.say(" ---> Status changed: %s -> %s", last.Status, now.Status)
		}
		if now.Progress.Step != "" && now.Progress.Step != last.Progress.Step && terminal(a.err) {
			fmt.Fprintf(a.err, "      %3d%% %s\n", now.Progress.Worker, now.Progress.Step)
		}
		last = *now
	})
	if err != nil {
		return fmt.Errorf("the task goes on; see crdb-cli task status %s: %w", last.ID, err)
	}
	if a.output != "table" {
		if err := a.print(t, nil); err != nil {
			return err
		}
	}
	for _, w := range t.Warnings {
		fmt.Fprintln(a.err, "warning:", w)
	}
	if t.Status == api.TaskFailed {
		return a.failed(t)
	}
	switch {
	case t.Moved == nil:
	case t.Operation == api.OpBackup:
		a.say("Backup written: %d bytes", t.Moved.Bytes)
	default:
		a.say("%s", t.Moved.String())
	}
	if t.Operation == api.OpCreate || t.Operation == api.OpRestore {
		a.say("CRDB GUID Assigned: crdb:%s", t.GUID)
	}
	return nil
}

// failed prints why a task failed and returns what the exit code says.
func (a *app) failed(t *api.Task) error {
	for _, e := range t.Errors {
		if e.Cluster != "" {
			fmt.Fprintf(a.err, "error: %s: %s (%s)\n", e.Cluster, e.Description, e.Code)
		} else {
			fmt.Fprintf(a.err, "error: %s (%s)\n", e.Description, e.Code)
		}
	}
	done := 0
	for _, c := range t.Progress.Clusters {
		if c.Progress == 100 {
			done++
		}
	}
	if t.Operation == api.OpDelete && done > 0 {
		return fmt.Errorf("%w: the task failed on some clusters", errPartial)
	}
	return fmt.Errorf("the task failed")
}

// say prints a line of the story, unless the output is for programs.
func (a *app) say(format string, args ...any) {
	if a.output == "table" {
		fmt.Fprintf(a.out, format+"\n", args...)
	}
}

func terminal(w any) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

func (a *app) taskListCmd() *cobra.Command {
	return a.command("list", "List the tasks of the node", cobra.NoArgs, func(ctx context.Context, c *api.Client, _ []string) error {
		a.began = true
		l, err := c.Tasks(ctx)
		if err != nil {
			return err
		}
		return a.print(l, func(t *table) {
			t.row("TASK-ID", "CRDB-GUID", "OPERATION", "STATUS", "WORKER-NAME", "STARTED", "ENDED")
			for _, x := range l {
				t.row(x.ID, x.GUID, x.Operation, x.Status, x.Worker, stamp(x.Started), stamp(x.Ended))
			}
		})
	})
}

// onTask makes a command on one task.
func (a *app) onTask(name, short string, do func(*api.Client, context.Context, string) (*api.Task, error)) *cobra.Command {
	var flag string
	cmd := a.command(name+" TASK-ID", short, cobra.MaximumNArgs(1), func(ctx context.Context, c *api.Client, args []string) error {
		id := flag
		if len(args) == 1 {
			id = args[0]
		}
		if id == "" {
			return fmt.Errorf("name the task: --task-id ID")
		}
		a.began = true
		x, err := do(c, ctx, id)
		if err != nil {
			return err
		}
		return a.print(x, func(t *table) { describeTask(t, x) })
	})
	cmd.Flags().StringVar(&flag, "task-id", "", "ID of the task")
	return cmd
}

func describeTask(t *table, x *api.Task) {
	t.row("Task-ID:", x.ID)
	t.row("CRDB-GUID:", x.GUID)
	t.row("Operation:", x.Operation)
	t.row("Status:", x.Status)
	t.row("Worker-Name:", x.Worker)
	t.row("Started:", stamp(x.Started))
	t.row("Ended:", stamp(x.Ended))
	t.row("Progress:", strings.TrimSpace(fmt.Sprintf("%d%% %s", x.Progress.Worker, x.Progress.Step)))
	for _, c := range x.Progress.Clusters {
		t.row("  "+c.Name+":", fmt.Sprintf("%d%%", c.Progress))
	}
	for _, w := range x.Warnings {
		t.row("Warning:", w)
	}
	for _, e := range x.Errors {
		t.row("Error:", strings.TrimSpace(fmt.Sprintf("%s %s (%s)", e.Cluster, e.Description, e.Code)))
	}
}

func (a *app) taskStatusCmd() *cobra.Command {
	return a.onTask("status", "Show a task", (*api.Client).Task)
}

func (a *app) taskCancelCmd() *cobra.Command {
	return a.onTask("cancel", "Cancel a task that is not past its decision", (*api.Client).Cancel)
}

func stamp(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.UTC().Format(time.RFC3339)
}
