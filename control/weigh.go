package control

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"crdb/control/api"
)

// This file says what a removal may lose.

// weighLoss warns of what a removal by force may lose: how far the members
// that stay hold the logs of those that go. It refuses a removal, also in good
// order, after which nobody is well.
func (n *Node) weighLoss(ctx context.Context, k *task, c *change) error {
	if len(c.gone)+len(c.leaving) == 0 {
		return nil
	}
	stay := n.standings(ctx, c.base.GUID, c.next.Instances)
	answer := n.standings(ctx, c.base.GUID, c.base.Instances)
	if err := weighState(c, stay, answer); err != nil {
		return err
	}
	if len(c.gone) == 0 {
		return nil
	}
	for _, x := range c.gone {
		if s := answer[x.ID]; s != nil && s.Writes == "" {
			k.warn("region %s answers, and is removed by force all the same; without --force it would hand over what it has", x.Region)
		}
		newest, held := uint64(0), []string{}
		for _, y := range c.next.Instances {
			if s := stay[y.ID]; s != nil {
				t := api.At(s.Durable, x.ID)
				newest = max(newest, t)
				held = append(held, y.Region+" up to "+stampOf(t))
			}
		}
		if newest == 0 {
			k.warn("no other region holds anything of the log of region %s: if it wrote anything, that is lost", x.Region)
			continue
		}
		k.warn("writes of region %s that reached no other region are lost. Its log is held by: %s. What it acknowledged after %s is gone; what one region holds, the others fetch",
			x.Region, strings.Join(held, ", "), stampOf(newest))
	}
	n.weighOrphans(k, c, stay, answer)
	return nil
}

// weighState refuses to remove the last instance that is well and has the whole
// state: nobody would be left for the others to come back from.
func weighState(c *change, stay, answer map[int]*api.Standing) error {
	if anyWhole(stay) {
		return nil
	}
	for _, x := range slices.Concat(c.gone, c.leaving) {
		if answer[x.ID].Whole() {
			return api.Errorf(http.StatusConflict, api.CodeConflict, "region %s answers, and no other region is well and has the whole state: "+
				"without it none could come back. Recover the others first, or wait until they have caught up; nothing was changed", x.Region)
		}
	}
	return nil
}

func anyWhole(all map[int]*api.Standing) bool {
	for _, s := range all {
		if s.Whole() {
			return true
		}
	}
	return false
}

// weighOrphans warns of logs that their own authors have lost, if one that goes
// holds more of them than those that stay and have lost nothing: what others have
// is put aside when they are recovered. Where none is well, one of them goes on.
func (n *Node) weighOrphans(k *task, c *change, stay, answer map[int]*api.Standing) {
	well := anyWhole(stay)
	for _, y := range c.next.Instances {
		if s := stay[y.ID]; s == nil || !s.LostLog {
			continue
		}
		held := uint64(0)
		for _, z := range c.next.Instances {
			if s := stay[z.ID]; s != nil && (!s.LostLog || !well) {
				held = max(held, api.At(s.Durable, y.ID))
			}
		}
		for _, x := range c.gone {
			if t := heldBy(x.ID, y.ID, stay, answer); t > held {
				k.warn("region %s has lost its log, and region %s, which is removed, was the only one to hold what it acknowledged after %s, up to %s: "+
					"that is lost. Had %s been recovered first, it would not be", y.Region, x.Region, stampOf(held), stampOf(t), y.Region)
			}
		}
	}
}

// heldBy returns how far an instance holds the log of another, as it says itself, or
// else as it has told others.
func heldBy(x, y int, stay, answer map[int]*api.Standing) (t uint64) {
	if s := answer[x]; s != nil {
		return api.At(s.Durable, y)
	}
	for _, s := range stay {
		t = max(t, api.At(s.Holding(x), y))
	}
	return t
}

// stampOf shows the wall clock of a timestamp: its upper 48 bits.
func stampOf(t uint64) string {
	if t == 0 {
		return "nothing"
	}
	return time.UnixMilli(int64(t >> 16)).UTC().Format("2006-01-02T15:04:05.000Z")
}
