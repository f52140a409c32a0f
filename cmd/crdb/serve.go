package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"crdb/control/conf"
	"crdb/control/host"
	"crdb/control/logging"
)

func (a *app) serveCmd() *cobra.Command {
	var file, clock string
	cmd := &cobra.Command{
		Use:   "serve --region NAME --dir DIR",
		Short: "Run a node",
		Long: "Run a node until SIGTERM or SIGINT.\n\nA flag beats its environment variable (--admin-port: CRDB_ADMIN_PORT), that beats the\n" +
			"configuration file, that beats the default. The file is in redis.conf syntax and knows\n" +
			"the names of these flags, of redis.conf, and: " + strings.Join(fileOnly(), ", ") + ".",
		Args: cobra.NoArgs,
	}
	f := cmd.Flags()
	d := conf.Defaults()
	f.String("region", "", "name of this node's region, such as us-east")
	f.String("dir", "", "data directory; made if it is not there")
	f.String("bind", d.Bind, "IP address to listen on")
	f.Int("admin-port", d.AdminPort, "port of the admin interface")
	f.Int("peer-port", d.PeerPort, "port for replication with other nodes")
	f.Int("gossip-port", d.GossipPort, "port for gossip with other nodes; 0: no gossip")
	f.StringArray("join", nil, "HOST:GOSSIPPORT of a node to gossip with; may be repeated")
	f.StringVar(&file, "config", "", "configuration file")
	f.String("database", "", "make a database of this region alone at the first start")
	f.Int("port", 0, "RESP port of --database")
	f.String("appendfsync", d.Appendfsync, "when a write is answered: always (it is on disk) or everysec (at once)")
	f.Bool("insecure", false, "allow --bind to an address that other machines reach, without TLS")
	f.StringVar(&clock, "test-clock", "", "for tests: a file with the milliseconds by which this node's clock is ahead; may change while it runs")
	f.MarkHidden("test-clock")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if file == "" {
			file = lookup(a.environ, "CRDB_CONFIG")
		}
		s, warnings, err := conf.Load(conf.Options{Flags: changed(f), Environ: a.environ, File: file, Check: host.CheckSetting})
		if err == nil {
			err = s.Validate()
		}
		if err != nil {
			return err
		}
		a.began = true
		return a.serve(cmd.Context(), s, warnings, clock)
	}
	return cmd
}

// fileOnly lists the names that are no flags.
func fileOnly() []string {
	var l []string
	for _, n := range conf.Names() {
		switch n {
		case "region", "dir", "bind", "admin-port", "peer-port", "gossip-port", "join", "database", "port", "appendfsync", "insecure":
		case "peer-route": // for test beds and odd networks; in the operations guide
		default:
			l = append(l, n)
		}
	}
	return l
}

// changed returns the flags that were given.
func changed(f *pflag.FlagSet) []conf.Flag {
	var l []conf.Flag
	f.Visit(func(x *pflag.Flag) {
		switch v := x.Value.(type) {
		case pflag.SliceValue:
			l = append(l, conf.Flag{Name: x.Name, Values: v.GetSlice()})
		default:
			if x.Name != "config" && x.Name != "test-clock" {
				l = append(l, conf.Flag{Name: x.Name, Values: []string{x.Value.String()}})
			}
		}
	})
	return l
}

// lookup returns a variable of an environment.
func lookup(environ []string, name string) string {
	for _, kv := range environ {
		if v, ok := strings.CutPrefix(kv, name+"="); ok {
			return v
		}
	}
	return ""
}

// serve runs a node until ctx ends.
func (a *app) serve(ctx context.Context, s *conf.Settings, warnings []string, clock string) error {
	// As in Redis: a terminal that is closed, or a reader of the log that has died, ends no node.
	signal.Ignore(syscall.SIGHUP, syscall.SIGPIPE)
	logger, closeLog, err := a.logger(s)
	if err != nil {
		return err
	}
	defer closeLog()
	for _, w := range warnings {
		logger.Warn(w)
	}
	if s.Insecure {
		logger.Warn("running with --insecure: no TLS; whoever reaches the ports of this node reads and changes everything", "bind", s.Bind)
	}
	now := time.Now
	if clock != "" {
		logger.Warn("running with --test-clock: the time of this node is not that of the machine", "file", clock)
		now = (&testClock{file: clock}).now
	}
	p := newProcs(s)
	defer p.start()()
	stop := tuneGC(s, p.raised.Load)
	defer stop()
	ctx, shutdown := context.WithCancel(ctx)
	defer shutdown()
	node, err := openNode(ctx, s, logger, now, p, shutdown)
	if err != nil && ctx.Err() != nil && errors.Is(err, context.Canceled) {
		logger.Info("bye: stopped before the start was over")
		return nil
	}
	if err != nil {
		return err
	}
	<-ctx.Done()
	logger.Info("shutting down")
	begin := time.Now()
	if err := node.Close(); err != nil {
		logger.Error("shutdown was not clean", "err", err)
		return err
	}
	logger.Info("bye", "seconds", time.Since(begin).Seconds())
	return nil
}

// logger opens the log of the settings: standard error, or a file.
func (a *app) logger(s *conf.Settings) (*slog.Logger, func(), error) {
	level, err := logging.Level(s.LogLevel)
	if err != nil {
		return nil, nil, err
	}
	var w io.Writer = a.err
	done := func() {}
	if s.LogFile != "" {
		f, err := os.OpenFile(s.LogFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
		if err != nil {
			return nil, nil, fmt.Errorf("logfile: %w", err)
		}
		w, done = f, func() { f.Close() }
	}
	return logging.New(w, s.LogFormat, level, time.Now), done, nil
}

// itoa is short for tables and addresses.
func itoa(n int) string { return strconv.Itoa(n) }
