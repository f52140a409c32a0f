package sim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"crdb/control/api"
	"crdb/crdt"
)

// operator changes the membership of the database as people do: with the admin
// interface of any node. One thing is done at a time.
type operator struct {
	r    *run
	guid string
	http *http.Client
	busy chan struct{}
}

const operatorName = "op"

func newOperator(r *run) *operator {
	r.net.Host(operatorName, "10.0.0.250")
	return &operator{r: r, busy: make(chan struct{}, 1), http: &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, at string) (net.Conn, error) {
			return r.net.Dial(ctx, operatorName, at)
		}}}}
}

func (o *operator) hold() (release func()) {
	o.busy <- struct{}{}
	return func() { <-o.busy }
}

func (o *operator) at(n *node) *api.Client {
	return &api.Client{Base: "http://" + n.admin(), HTTP: o.http}
}

// create makes the database on the first nodes.
func (o *operator) create(on []*node) {
	d := &api.Database{Name: mainName, DefaultDBConfig: api.DBConfig{Port: clientPort}}
	for _, n := range on {
		d.Instances = append(d.Instances, api.Instance{Cluster: api.Cluster{Name: n.admin()}})
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	t, err := o.at(on[0]).Create(ctx, d)
	if err == nil {
		o.guid = t.GUID
		t, err = o.at(on[0]).Wait(ctx, t.ID, 100*time.Millisecond, nil)
	}
	if err != nil || t.Status != api.TaskFinished {
		o.r.fail("S7: the database cannot be made: %v %v", err, t)
	}
}

// patience with a change.
const changePatience = 40 * time.Second

// do starts something at a node and waits for its end, or that of the load. It
// returns what went wrong, nil if nothing did.
func (o *operator) do(n *node, what string, start func(ctx context.Context, c *api.Client) (*api.Task, error)) error {
	o.r.trace("%s: %s", n.name, what)
	ctx, cancel := context.WithTimeout(context.Background(), changePatience)
	defer cancel()
	c := o.at(n)
	t, err := start(ctx, c)
	if err == nil {
		t, err = c.Wait(ctx, t.ID, 300*time.Millisecond, func(*api.Task) {
			if o.r.stop.Load() {
				cancel()
			}
		})
	}
	switch {
	case err != nil:
		o.r.trace("%s: %s: %v", n.name, what, err)
	case t.Status == api.TaskFinished:
		o.r.trace("%s: %s: done, warnings %q", n.name, what, t.Warnings)
	default:
		o.r.trace("%s: %s: %v", n.name, what, t.Errors)
		err = fmt.Errorf("%v", t.Errors)
	}
	return err
}

func (o *operator) modify(n *node, what string, m *api.Modify) error {
	return o.do(n, what, func(ctx context.Context, c *api.Client) (*api.Task, error) { return c.Modify(ctx, o.guid, m) })
}

// membership is the newest that any instance was told.
func (r *run) membership() *membership {
	newest := &membership{}
	for _, n := range r.nodes {
		if p := n.program(); p != nil {
			if i := p.newest.Load(); i != nil && !i.ended() {
				if m := i.members.Load(); m != nil && len(m.ids) > 0 && m.version > newest.version {
					newest = m
				}
			}
		}
	}
	return newest
}

// members are the nodes whose instances are members, as the newest
// configuration says, and serve.
func (r *run) members() (all []*node) {
	m := r.membership()
	for _, n := range r.nodes {
		if i := n.instance(); i != nil && m.ids[i.id] {
			all = append(all, n)
		}
	}
	return all
}

// spares are the nodes that are up and have no instance.
func (r *run) spares() (all []*node) {
	for _, n := range r.nodes {
		if p := n.program(); p != nil {
			if i := p.newest.Load(); i == nil || i.ended() {
				all = append(all, n)
			}
		}
	}
	return all
}

func pick(rng *rand.Rand, from []*node) *node { return from[rng.IntN(len(from))] }

func grow(r *run, rng *rand.Rand) {
	defer r.op.hold()()
	members, spares := r.members(), r.spares()
	if len(members) == 0 || len(spares) == 0 {
		return
	}
	at, n := pick(rng, members), pick(rng, spares)
	r.op.modify(at, "adds "+n.name, &api.Modify{AddInstances: []api.Instance{{Cluster: api.Cluster{Name: n.admin()}}}, Backup: bringBackup(r, n, rng)})
}

// fewest is how many members a run keeps.
const fewest = 2

func drain(r *run, rng *rand.Rand) {
	defer r.op.hold()()
	members := r.members()
	if len(members) <= fewest {
		return
	}
	at, n := pick(rng, members), pick(rng, members)
	if i := n.instance(); i != nil {
		r.op.modify(at, "removes "+n.name, &api.Modify{RemoveInstances: []int{int(i.id)}})
	}
}

func update(r *run, rng *rand.Rand) {
	defer r.op.hold()()
	if members := r.members(); len(members) > 0 {
		r.op.modify(pick(rng, members), "makes a new version", &api.Modify{ForceUpdate: true})
	}
}

// forceOut removes a member that is not asked, as if it were gone. It may be
// alive and well.
func forceOut(r *run, rng *rand.Rand) {
	defer r.op.hold()()
	members := r.members()
	if len(members) <= fewest {
		return
	}
	n := pick(rng, members)
	defer n.hold()()
	i := n.instance()
	if i == nil || !r.othersWell(n) {
		return
	}
	at := pick(rng, slices.DeleteFunc(members, func(x *node) bool { return x == n }))
	down := rng.IntN(2) == 0
	if down {
		i.p.crash([]int{0, 50, 100}[rng.IntN(3)], rng.IntN(2) == 0)
	}
	r.mayForget(n, i.id)
	r.op.modify(at, "forces out "+n.name, &api.Modify{RemoveInstances: []int{int(i.id)}, ForceRemove: true})
	if down {
		r.wait(upTo(rng, longCut))
		r.restart(n)
	}
}

// othersWell reports whether another member than n has a whole state and may go
// on: somebody must be left to come back from.
func (r *run) othersWell(n *node) bool {
	return slices.ContainsFunc(r.members(), func(o *node) bool {
		i := o.instance()
		return o != n && i != nil && i.CatchingUp() == "" && !r.register.isDoomed(i.id) && i.log.Forbidden() == nil
	})
}

// mayForget notes what may be lost with a node: of its own log, and of those of
// replicas that are members no more or whose disk was put back, what no other member
// has on disk, but for those that will come back under a new ID themselves.
func (r *run) mayForget(n *node, own crdt.ReplicaID) {
	m := r.membership()
	for id := crdt.ReplicaID(1); id <= r.register.highest(); id++ {
		if m.ids[id] && id != own && !r.register.isDoomed(id) {
			continue
		}
		held := crdt.Timestamp(0)
		for _, other := range r.members() {
			if i := other.instance(); i != nil && other != n && !r.register.isDoomed(i.id) {
				held = max(held, i.log.Durable().Get(id))
			}
		}
		r.register.mayLose(id, held)
	}
}

// recoverSome looks after one node as an operator does who has read the alarm.
func recoverSome(r *run, rng *rand.Rand) {
	defer r.op.hold()()
	r.op.lookAfter(r.anyNode(rng), rng)
}

// lookAfter brings the instance of a node back, or removes what is left of it.
// It reports whether nothing is wrong with it.
func (o *operator) lookAfter(n *node, rng *rand.Rand) (well bool) {
	p := n.program()
	if p == nil {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	i := p.newest.Load()
	if i == nil || i.ended() {
		return o.replace(ctx, n)
	}
	x, err := o.at(n).LocalHealth(ctx, o.guid)
	if err != nil {
		o.r.trace("%s: looked after: %v", n.name, err)
		return false
	}
	switch {
	case x.Status == "":
		m := o.r.membership()
		return m.ids[i.id] && x.ActiveConfigVersion == m.version
	case x.Status == api.CodeCloned:
		defer n.hold()()
		if p.stop() == nil {
			o.r.restart(n)
		}
	case x.Status == api.CodeRemoved && rng.IntN(2) == 0:
		o.do(n, "purges what is left", func(ctx context.Context, c *api.Client) (*api.Task, error) {
			return c.Purge(ctx, o.guid, []int{int(i.id)})
		})
	case x.Status == api.CodeRemoved || x.Status == api.CodeLostLog || x.Status == "data_lost":
		o.recover(n, &api.Recover{Database: o.guid})
	default:
		o.r.trace("%s: %s: %s", n.name, x.Status, x.Alarm)
	}
	return false
}

func (o *operator) recover(n *node, rc *api.Recover) {
	o.r.mayForget(n, 0)
	start := func(ctx context.Context, c *api.Client) (*api.Task, error) { return c.Recover(ctx, rc) }
	err := o.do(n, "recovers its instance", start)
	if err == nil || rc.From == "" {
		return
	}
	for _, lost := range o.forceOut(err) {
		o.do(lost, "recovers its instance", start)
	}
}

// wayOut is the command that a failed recovery names where several instances
// wait for each other.
var wayOut = regexp.MustCompile(`--node (\S+) crdb remove-instance \S+((?: --instance-id \d+)+) --force`)

// forceOut does what a failed recovery says, if the disks of all instances that it
// names were emptied, or put back to before they had the database, or if they never had
// it (seed 122487), and returns their machines. What lost its data in any other way is nothing to get over.
func (o *operator) forceOut(failed error) (lost []*node) {
	found := wayOut.FindStringSubmatch(failed.Error())
	if found == nil {
		return nil
	}
	at := o.r.nodes[slices.IndexFunc(o.r.nodes, func(n *node) bool { return n.admin() == found[1] })]
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	d, err := o.at(at).Database(ctx, o.guid)
	if err != nil {
		return nil
	}
	var ids []int
	spares := o.r.spares()
	for _, s := range strings.Split(found[2], " --instance-id ")[1:] {
		id, _ := strconv.Atoi(s)
		x := d.Instance(id)
		i := slices.IndexFunc(spares, func(n *node) bool {
			return x != nil && n.region == x.Region && (n.emptied || !o.r.register.served(crdt.ReplicaID(id)))
		})
		if i < 0 {
			return nil
		}
		ids, lost = append(ids, id), append(lost, spares[i])
	}
	if o.modify(at, "forces out who lost their disks", &api.Modify{RemoveInstances: ids, ForceRemove: true}) != nil {
		return nil
	}
	return lost
}

// replace brings back an instance whose machine knows nothing of it, if there
// was one. It reports whether there was none.
func (o *operator) replace(ctx context.Context, n *node) (none bool) {
	for _, m := range o.r.members() {
		d, err := o.at(m).Database(ctx, o.guid)
		if err != nil {
			continue
		}
		if !slices.ContainsFunc(d.Instances, func(x api.Instance) bool { return x.Region == n.region }) {
			return true
		}
		o.recover(n, &api.Recover{Database: o.guid, From: m.admin()})
		return false
	}
	return false
}
