package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"crdb/control/api"
)

// whatReleaseMeans is what has to be known before.
const whatReleaseMeans = `A region whose clock was ahead has written operations with stamps from the future. The
others hold them: applied, they would beat every write of the right time, until time
catches up. To release them means:

  - They are applied now, in all regions, and win over what was written concurrently.
  - The database's own clock is set ahead to them. Writes go on at once, stamped behind
    them; they do not wait for the time.
  - Until the wall clocks have caught up, clocks that are ahead by no more than that are not
    noticed in this database.

Set the wrong clock first: the release is refused while a region's clock is off. If the
operations are not wanted, remove the instance by force instead, before anything is released.`

func (a *app) releaseHeldCmd() *cobra.Command {
	var (
		id  int
		yes bool
		w   waiting
	)
	cmd := a.onDatabase("release-held", "Apply operations that are held because they are stamped too far in the future", func(ctx context.Context, c *api.Client, guid string) error {
		if !yes {
			return a.askRelease(ctx, c, guid)
		}
		t, err := c.Release(ctx, guid, id)
		return a.follow(ctx, c, t, err, w)
	})
	cmd.Long = whatReleaseMeans + "\n\nWithout --yes it only shows what is held."
	cmd.Flags().IntVar(&id, "instance-id", 0, "ID of the instance that wrote them, from crdb-cli crdb list; default: any")
	cmd.Flags().BoolVar(&yes, "yes", false, "do it: it cannot be taken back")
	w.flags(cmd.Flags())
	return cmd
}

// askRelease shows what would be released, and what that means.
func (a *app) askRelease(ctx context.Context, c *api.Client, guid string) error {
	l, err := c.HealthReport(ctx, guid)
	if err != nil {
		return err
	}
	held := false
	for _, r := range l {
		if r.Status == api.CodeRefused {
			held = true
			fmt.Fprintf(a.err, "region %s takes no writes: %s\n", r.Region, r.Alarm)
		}
		for _, k := range r.Connections {
			if k.Held != nil {
				held = true
				fmt.Fprintf(a.err, "region %s holds %d blocks (%d bytes) of region %s, stamped %.1f s ahead\n", r.Region, k.Held.Blocks, k.Held.Bytes, k.Name, k.Held.AheadSeconds)
			}
			if k.Transfer != nil && k.Transfer.Error != "" { // the clock may be what it waits for
				held = true
				fmt.Fprintf(a.err, "region %s waits for the state of region %s: %s\n", r.Region, k.Name, k.Transfer.Error)
			}
		}
	}
	if !held {
		fmt.Fprintln(a.err, "no region that answers holds operations from the future: there is nothing to release")
		return nil
	}
	fmt.Fprintln(a.err, "\n"+whatReleaseMeans)
	return fmt.Errorf("nothing was released; repeat the command with --yes to do it")
}
