package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"crdb/control"
	"crdb/control/api"
	"crdb/control/conf"
	"crdb/control/logging"
)

// demoRegions are the regions of the demo, demoPort the RESP port of the first.
var demoRegions = []string{"us-east", "eu-west", "ap-south"}

const (
	demoPort     = 6379
	demoDatabase = "demo"
	demoPatience = 15 * time.Second
)

func (a *app) demoCmd() *cobra.Command {
	var exit bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run three regions in this process and show how they merge",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a.began = true
			return a.demo(cmd.Context(), exit)
		},
	}
	cmd.Flags().BoolVar(&exit, "exit", false, "leave after the story; exit code 0 only if everything merged as told")
	return cmd
}

// demo is three nodes in one process, with their data in a directory that is
// removed at the end.
type demo struct {
	app   *app
	nodes []*control.Node
	conns []*redisConn
	ports []int
	guid  string
}

func (a *app) demo(ctx context.Context, exit bool) (err error) {
	dir, err := os.MkdirTemp("", "crdb-demo-")
	if err != nil { // as in the container image, which has only /data
		return fmt.Errorf("there is no directory for the demo's data: %w; TMPDIR names another", err)
	}
	defer os.RemoveAll(dir)
	d := &demo{app: a}
	defer func() { err = errors.Join(err, d.close()) }()
	begin := time.Now()
	if err := d.start(ctx, dir); err != nil {
		return err
	}
	d.say("Three regions, one database, in %d ms:", time.Since(begin).Milliseconds())
	for i, r := range demoRegions {
		d.say("  %-9s redis-cli -p %-5d   admin http://%s", r, d.ports[i], d.nodes[i].AdminAddr())
	}
	if err := d.story(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	if exit {
		return nil
	}
	d.say("\nIt is all yours: point redis-cli at any of the ports above. Ctrl-C ends it.")
	<-ctx.Done()
	return nil
}

func (d *demo) say(format string, args ...any) { fmt.Fprintf(d.app.out, format+"\n", args...) }

// start opens the nodes, makes the database through the admin interface, and
// connects to each region.
func (d *demo) start(ctx context.Context, dir string) error {
	logger := logging.New(d.app.err, "text", slog.LevelError, time.Now)
	create := &api.Database{Name: demoDatabase}
	next := demoPort
	for _, region := range demoRegions {
		s := conf.Defaults()
		s.Region, s.Dir = region, filepath.Join(dir, region)
		s.AdminPort, s.PeerPort, s.GossipPort = 0, 0, 0
		node, err := openNode(ctx, s, logger, time.Now, &procs{}, nil)
		if err != nil {
			return err
		}
		d.nodes = append(d.nodes, node)
		port, err := freePort(next)
		if err != nil {
			return err
		}
		next = port + 1
		d.ports = append(d.ports, port)
		create.Instances = append(create.Instances, api.Instance{
			Cluster: api.Cluster{Name: node.AdminAddr()}, DBConfig: &api.DBConfig{Port: port}})
	}
	if err := d.create(ctx, create); err != nil {
		return err
	}
	for _, port := range d.ports {
		c, err := dialRedis(ctx, net.JoinHostPort("127.0.0.1", itoa(port)))
		if err != nil {
			return err
		}
		d.conns = append(d.conns, c)
	}
	return nil
}

func (d *demo) create(ctx context.Context, db *api.Database) error {
	client := &api.Client{Base: "http://" + d.nodes[0].AdminAddr(), HTTP: &http.Client{Timeout: 10 * time.Second}}
	defer client.HTTP.CloseIdleConnections()
	t, err := client.Create(ctx, db)
	if err == nil {
		t, err = client.Wait(ctx, t.ID, 5*time.Millisecond, nil)
	}
	if err != nil {
		return err
	}
	for _, e := range t.Errors {
		err = errors.Join(err, fmt.Errorf("%s: %s", e.Cluster, e.Description))
	}
	d.guid = t.GUID
	return err
}

// freePort returns the first port from p on that can be bound.
func freePort(p int) (int, error) {
	for end := min(p+1000, 65535); p < end; p++ {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", itoa(p)))
		if err == nil {
			return p, l.Close()
		}
	}
	return 0, fmt.Errorf("no free port from %d on", demoPort)
}

// cut drops all links between the regions, or restores them.
func (d *demo) cut(on bool) {
	for i, n := range d.nodes {
		for j, region := range demoRegions {
			if i != j {
				n.Instance(d.guid).Cut(region, on)
			}
		}
	}
}

func (d *demo) close() error {
	for _, c := range d.conns {
		c.close()
	}
	var err error
	for _, n := range d.nodes {
		err = errors.Join(err, n.Close())
	}
	return err
}
