package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"crdb/control/api"
)

func (a *app) verifyCmd() *cobra.Command {
	cmd := a.onDatabase("verify", "Compare the data of all regions, while they take writes; exit code 3 if any differ or do not answer", func(ctx context.Context, c *api.Client, guid string) error {
		r, err := c.Verify(ctx, guid)
		if err != nil {
			return err
		}
		err = a.print(r, func(t *table) { verifyTable(t, r) })
		switch {
		case err != nil:
			return err
		case len(r.Differing) > 0:
			return fmt.Errorf("%w: %d keys differ between regions", errPartial, len(r.Differing))
		case !r.Same():
			return fmt.Errorf("%w: not all regions could be compared", errPartial)
		}
		return nil
	})
	cmd.Long = "Compare the data of all regions, while they take writes. Named are keys whose state differs\nalthough the regions have applied the same operations to them: there should never be any.\nKeys that never stood still while they were looked at are counted."
	return cmd
}

func verifyTable(t *table, r *api.VerifyReport) {
	t.row("Regions compared:", compared(r))
	t.row("Keys compared:", strconv.Itoa(r.Keys))
	t.row("Keys that differ:", count(len(r.Differing), r.More))
	t.row("Keys that kept changing:", strconv.Itoa(r.Changing))
	t.row("Seconds:", strconv.FormatFloat(r.Seconds, 'f', 3, 64))
	for _, u := range r.Unreachable {
		t.row("Not compared:", u.Region+": "+u.Error)
	}
	for _, k := range r.Differing {
		var sides []string
		for region, d := range k.Digests {
			sides = append(sides, region+" "+d)
		}
		slices.Sort(sides)
		t.row("Differs:", fmt.Sprintf("database %d, key %q: %s", k.DB, k.Key, strings.Join(sides, ", ")))
	}
}

// compared names the regions; one alone was compared with nothing.
func compared(r *api.VerifyReport) string {
	switch {
	case len(r.Regions) > 1:
		return strings.Join(r.Regions, ", ")
	case len(r.Unreachable) > 0:
		return "none: fewer than two regions answer"
	}
	return "none: the database has one region only, and nothing to compare it with"
}

func count(n int, more bool) string {
	if more {
		return "more than " + strconv.Itoa(n)
	}
	return strconv.Itoa(n)
}
