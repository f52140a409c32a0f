package control

import (
	"context"
	"time"

	"crdb/control/api"
)

// awaitLinks waits until the regions of a new database follow each other: who commits
// first is refused by those that have not, and calls again a little later. After a time
// that is bounded it warns of the links that are not up; they go on trying.
func (n *Node) awaitLinks(ctx context.Context, k *task, guid string) {
	timeout := time.NewTimer(n.opts.Timing.Commit)
	defer timeout.Stop()
	tick := time.NewTicker(n.opts.Timing.Retry)
	defer tick.Stop()
	for {
		reports, err := n.healthReport(ctx, guid)
		if err != nil || tellLinks(reports, nil) == 0 { // an error: it is deleted already
			return
		}
		k.step("waiting for the regions' links", 90)
		select {
		case <-tick.C:
			continue
		case <-timeout.C:
			tellLinks(reports, k)
		case <-ctx.Done():
		}
		return
	}
}

// tellLinks counts the links that are not up, and has a task warn of them, if there is one.
func tellLinks(reports []api.HealthReport, k *task) (down int) {
	for _, r := range reports {
		for _, c := range r.Connections {
			if c.Status == api.LinkUp {
				continue
			}
			down++
			if k != nil {
				k.warn("region %s does not get the writes of region %s yet, and goes on trying; see health-report: %s", r.Region, c.Name, c.Trouble())
			}
		}
	}
	return down
}
