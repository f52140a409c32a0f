package sim

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"

	"crdb/backup"
	"crdb/control/api"
	"crdb/crdt"
)

// mainName is the name of the database whose life a run is.
const mainName = "sim"

// other is another database, which lives beside that one for a while: made of a
// backup of it, or empty; filled with dump files; and deleted.
type other struct {
	guid string
	on   []*node
}

// most is on how many nodes another database is at most.
const most = 3

// keepAnother makes another database and, if that succeeds, looks at it, moves data
// through it and deletes it, while everything else goes on.
func keepAnother(r *run, rng *rand.Rand) {
	defer r.op.hold()()
	var up []*node
	for _, n := range r.nodes {
		if n.program() != nil {
			up = append(up, n)
		}
	}
	if len(up) == 0 {
		return
	}
	rng.Shuffle(len(up), func(i, j int) { up[i], up[j] = up[j], up[i] })
	o := &other{on: up[:1+rng.IntN(min(most, len(up)))]}
	if !r.op.makeOther(o, bringBackup(r, o.on[0], rng)) {
		return
	}
	r.op.move(o, rng)
	if r.wait(upTo(rng, longCut)) && rng.IntN(2) == 0 {
		r.compareOther(o)
	}
	at := pick(rng, o.on)
	if at != o.on[0] && rng.IntN(2) == 0 {
		defer r.takeAway(o.on[0])()
	}
	r.op.deleteOther(o, at)
}

// takeAway lets a node crash, and returns what brings it back.
func (r *run) takeAway(n *node) (back func()) {
	release := n.hold()
	p := n.program()
	if p != nil {
		p.crash(100, true)
	}
	return func() {
		if p != nil {
			r.restart(n)
		}
		release()
	}
}

// makeOther makes the database, of a backup if there is a directory with one. What it
// shows then must be what the backup covers (S11).
func (op *operator) makeOther(o *other, dir string) (made bool) {
	r, n := op.r, o.on[0]
	r.others++
	d := &api.Database{Name: fmt.Sprintf("other-%d", r.others), DefaultDBConfig: api.DBConfig{Port: clientPort + r.others}}
	for _, x := range o.on {
		d.Instances = append(d.Instances, api.Instance{Cluster: api.Cluster{Name: x.admin()}})
	}
	p := n.program()
	if p == nil {
		return false
	}
	vector := backupVector(p.disk, dir)
	err := op.do(n, fmt.Sprintf("makes %s at %s, of a backup %q", d.Name, names(o.on), dir), func(ctx context.Context, c *api.Client) (t *api.Task, err error) {
		if dir == "" {
			t, err = c.Create(ctx, d)
		} else {
			t, err = c.Restore(ctx, dir, d)
		}
		if err == nil {
			o.guid = t.GUID
		}
		return t, err
	})
	if err != nil {
		return false
	}
	if c := r.showOther(o, n); c != nil && dir != "" && n.program() == p {
		c.vector = vector
		r.proofs.restored(c)
	}
	return true
}

// backupVector is what the backup in a directory covers, by its own account.
func backupVector(d *Disk, dir string) (vv crdt.VersionVector) {
	if dir == "" {
		return nil
	}
	if b, err := backup.Open(d, dir); err == nil {
		for id, at := range b.Manifest.Vector {
			vv.Set(id, at)
		}
	}
	return vv
}

func names(nodes []*node) (all []string) {
	for _, n := range nodes {
		all = append(all, n.name)
	}
	return all
}

// showOther captures what a node shows of the database; nil if it does not serve it.
func (r *run) showOther(o *other, n *node) *capture {
	p := n.program()
	if p == nil {
		return nil
	}
	i := p.instanceOf(o.guid)
	if i == nil || !i.serves.Load() || i.ended() || i.Err() != nil || i.ahead() {
		return nil
	}
	c, whole := r.proofs.picture(i)
	if !whole {
		return nil
	}
	return c
}

// move writes a dump file, of the database or of the main one, and reads it into the
// database. Its own file leaves the database as it is (S11).
func (op *operator) move(o *other, rng *rand.Rand) {
	r, n := op.r, pick(rng, o.on)
	from, guid, mode := n, o.guid, []string{api.ImportFlush, api.ImportReplace}[rng.IntN(2)]
	own := rng.IntN(2) == 0
	if members := r.members(); !own && len(members) > 0 {
		from, guid = pick(rng, members), op.guid
	}
	before, p := r.showOther(o, n), n.program()
	ctx, cancel := context.WithTimeout(context.Background(), changePatience)
	defer cancel()
	c := &api.Client{Base: op.at(from).Base, HTTP: &http.Client{Transport: op.http.Transport}}
	var file bytes.Buffer
	moved, err := c.Export(ctx, guid, &file)
	r.trace("%s exports %d bytes of database %s: %v %v", from.name, file.Len(), guid, moved, err)
	if err != nil {
		return
	}
	c.Base = op.at(n).Base
	t, err := c.Import(ctx, o.guid, mode, "", bytes.NewReader(file.Bytes()), int64(file.Len()))
	if err == nil && t.Status != api.TaskFinished {
		err = fmt.Errorf("%v", t.Errors)
	}
	r.trace("%s imports it, %s: %v", n.name, mode, err)
	after := r.showOther(o, n)
	if err != nil || guid != o.guid || before == nil || after == nil || n.program() != p || p.instanceOf(o.guid) != after.i {
		return
	}
	if !before.sameLedger(after) {
		r.fail("S11: the database's own dump file, read again at %s, has changed it: %q %q %s %s, now %q %q %s %s", n.name,
			before.set, before.list, before.sum, before.reg, after.set, after.list, after.sum, after.reg)
	}
}

// compareOther demands that all instances come to show the same while all is well
// (S6, S7). One that refuses to serve waits for an operator.
func (r *run) compareOther(o *other) {
	defer r.quiet()()
	for end := time.Now().Add(r.liveness()); ; pause(100 * time.Millisecond) {
		var all []*capture
		for _, n := range o.on {
			c := r.showOther(o, n)
			if c == nil {
				return
			}
			all = append(all, c)
		}
		apart := slices.IndexFunc(all, func(c *capture) bool { return !c.vector.Equal(all[0].vector) })
		if apart < 0 {
			for _, c := range all {
				if c.digest != all[0].digest {
					r.fail("S6: at %v, %s and %s show database %s differently: %v", c.vector, o.on[0].name, c.i.p.n.name, o.guid, differing(all[0].keys, c.keys))
				}
			}
			return
		}
		if r.over() {
			return
		}
		if time.Now().After(end) {
			r.fail("S7: database %s does not come to rest: %v at %s, %v at %s", o.guid, all[0].vector, o.on[0].name, all[apart].vector, o.on[apart].name)
			return
		}
	}
}

// promised is in what a delete says that is decided, and not carried out everywhere.
const promised = "are removed as soon as their nodes answer"

// deleteOther deletes the database. If that is confirmed or promised, it is to be gone
// everywhere in the end, without anybody asking again (S11).
func (op *operator) deleteOther(o *other, n *node) {
	err := op.do(n, "deletes database "+o.guid, func(ctx context.Context, c *api.Client) (*api.Task, error) { return c.Delete(ctx, o.guid) })
	if err == nil || strings.Contains(err.Error(), promised) {
		op.r.deleted[o.guid] = true
	}
}

// purgeOther removes what is left of a database that a disk from before its deletion has
// brought back, where the node was told that it was deleted (seed 210125).
func (op *operator) purgeOther(d *api.Database, n *node) {
	op.do(n, "purges database "+d.GUID, func(ctx context.Context, c *api.Client) (*api.Task, error) {
		return c.Purge(ctx, d.GUID, []int{d.LocalDatabases[0].ID})
	})
}

// tidy demands, after all is healed, that other databases are gone, after one more
// delete where none was confirmed, or where a disk was put back (S11).
func (r *run) tidy() {
	defer r.op.hold()()
	for end := time.Now().Add(r.liveness()); !r.stop.Load(); pause(500 * time.Millisecond) {
		var left []string
		for _, n := range r.nodes {
			for _, d := range r.op.othersAt(n) {
				left = append(left, fmt.Sprintf("%s (%s) at %s", d.Name, d.GUID, n.name))
				switch here := d.LocalDatabases; {
				case r.deleted[d.GUID] && !r.putBack.Load():
				case len(here) == 1 && here[0].Status == api.CodeRemoved:
					r.op.purgeOther(&d, n)
				default:
					r.op.deleteOther(&other{guid: d.GUID}, n)
				}
			}
		}
		if len(left) == 0 {
			return
		}
		if time.Now().After(end) {
			r.fail("S11: deleted databases are still there %v after all is healed: %q", r.liveness(), left)
		}
	}
}

// othersAt lists the other databases that a node has.
func (op *operator) othersAt(n *node) (all []api.Database) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	all, err := op.at(n).Databases(ctx)
	if err != nil {
		return []api.Database{{Name: "unknown: " + err.Error()}}
	}
	return slices.DeleteFunc(all, func(d api.Database) bool { return d.Name == mainName })
}

// sameLedger reports whether two captures show the same of the ledger.
func (c *capture) sameLedger(o *capture) bool {
	return sorted(c.set, o.set) && slices.Equal(c.list, o.list) && c.sum == o.sum && c.reg == o.reg
}

// sorted reports whether two lists have the same members.
func sorted(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}
