package sim

import (
	"context"
	"math/rand/v2"
	"net/http"
	"time"

	"crdb/control/api"
)

// comparing bounds one comparison of the regions.
const comparing = 2 * time.Minute

// verify lets a member compare the regions, whatever is going on meanwhile: it must
// not say that they differ (S10).
func verify(r *run, rng *rand.Rand) {
	if members := r.members(); len(members) > 0 {
		n := pick(rng, members)
		report, err := r.op.verify(n)
		switch {
		case err != nil:
			r.trace("%s compares the regions: %v", n.name, err)
		default:
			r.trace("%s compares the regions: %d keys of %v, %d change too fast", n.name, report.Keys, report.Regions, report.Changing)
		}
	}
}

// verified demands that in the end all members can be compared, and are equal. A change
// that was under way when all was healed may bring one more, with all of a state transfer
// before it (seed 131054).
func (r *run) verified() {
	if r.stop.Load() || r.final == nil {
		return
	}
	for end := time.Now().Add(r.liveness()); ; {
		members := r.members()
		report, err := r.op.verify(members[0])
		switch {
		case err == nil && report.Same() && report.Changing == 0 && len(report.Regions) == len(r.members()) || r.stop.Load():
			return
		case time.Now().After(end):
			r.fail("S10: %s cannot compare the regions when all is healed: %v %+v", members[0].name, err, report)
			return
		}
		pause(500 * time.Millisecond)
		r.converge()
	}
}

// verify is crdb-cli crdb verify.
func (o *operator) verify(n *node) (*api.VerifyReport, error) {
	ctx, cancel := context.WithTimeout(context.Background(), comparing)
	defer cancel()
	c := o.at(n)
	c.HTTP = &http.Client{Transport: o.http.Transport}
	report, err := c.Verify(ctx, o.guid)
	if err == nil && len(report.Differing) > 0 {
		o.r.fail("S10: %s says that the regions differ: %+v", n.name, report)
	}
	return report, err
}
