package cluster

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Spaces are network namespaces, one for each node, joined by virtual cables and
// a bridge in a further one. All peer traffic of a node crosses its own
// interface, where packets can be dropped, delayed and slowed by the kernel.
//
// The test's own process is joined to the bridge by one more cable, over which
// its clients reach the nodes and its proxies stand between them. A region's
// proxies have an address of their own there, its alias, under which every other
// region sees it.
type Spaces struct {
	Netem bool // the kernel has tc's netem: Delay works
	Tbf   bool // and its token bucket: Rate works

	prefix string // of the names of namespaces and of the outer end of the cable
	subnet string // "10.213.7."
	all    []string
}

// iface is the name of a node's interface in its namespace.
const iface = "eth0"

// newSpaces makes a namespace for each region. It needs root and iproute2; after
// an error nothing is left.
func newSpaces(regions []string) (*Spaces, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("namespaces need root")
	}
	for _, tool := range []string{"ip", "iptables", "tc"} {
		if _, err := exec.LookPath(tool); err != nil {
			return nil, err
		}
	}
	var err error
	for try := range 8 { // others may have the number
		n := (os.Getpid()+31*try)%250 + 1
		s := &Spaces{prefix: fmt.Sprintf("crdb%d", n), subnet: fmt.Sprintf("10.213.%d.", n), all: regions}
		if err = run("ip", "netns", "add", s.hub()); err != nil {
			continue
		}
		if err = s.build(); err == nil {
			s.probe()
			return s, nil
		}
		s.close()
	}
	return nil, err
}

func (s *Spaces) hub() string { return s.prefix + "-hub" }

func (s *Spaces) index(region string) int { return slices.Index(s.all, region) }

// name is the namespace of a region's node, addr the node's address there, alias
// the address under which others reach it.
func (s *Spaces) name(region string) string { return fmt.Sprintf("%s-%d", s.prefix, s.index(region)) }
func (s *Spaces) addr(region string) string { return s.subnet + strconv.Itoa(1+s.index(region)) }
func (s *Spaces) alias(region string) string {
	return s.subnet + strconv.Itoa(100+s.index(region))
}

func (s *Spaces) build() error {
	hub, outer := s.hub(), s.prefix
	lines := []string{
		"-n " + hub + " link add br0 type bridge",
		"-n " + hub + " link set br0 up",
		"link add " + outer + " type veth peer name outer netns " + hub,
		"-n " + hub + " link set outer master br0 up",
		"addr add " + s.subnet + "254/24 dev " + outer,
		"link set " + outer + " up",
	}
	for i, region := range s.all {
		ns, end := s.name(region), fmt.Sprintf("node%d", i)
		lines = append(lines,
			"addr add "+s.alias(region)+"/24 dev "+outer,
			"netns add "+ns,
			"-n "+ns+" link add "+iface+" type veth peer name "+end+" netns "+hub,
			"-n "+ns+" addr add "+s.addr(region)+"/24 dev "+iface,
			"-n "+ns+" link set lo up",
			"-n "+ns+" link set "+iface+" up",
			"-n "+hub+" link set "+end+" master br0 up")
	}
	for _, line := range lines {
		if err := run("ip", strings.Fields(line)...); err != nil {
			return err
		}
	}
	return nil
}

// probe finds out what this kernel can do.
func (s *Spaces) probe() {
	at := s.all[0]
	s.Netem = s.Delay(at, time.Millisecond, 0) == nil
	s.Tbf = s.Rate(at, 1<<20) == nil
	s.plain(at)
}

// in runs a program in the namespace of a region.
func (s *Spaces) in(region string, args ...string) error {
	return run("ip", append([]string{"netns", "exec", s.name(region)}, args...)...)
}

// run runs a program of the system.
func run(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

// drop adds a rule that drops packets of a region's traffic with another one:
// INPUT is what it gets, OUTPUT what it sends.
func (s *Spaces) drop(region, chain, with string, more ...string) error {
	side := "-s"
	if chain == "OUTPUT" {
		side = "-d"
	}
	for _, addr := range []string{s.addr(with), s.alias(with)} {
		rule := append([]string{"iptables", "-w", "-A", chain, side, addr}, more...)
		if err := s.in(region, append(rule, "-j", "DROP")...); err != nil {
			return err
		}
	}
	return nil
}

// Cut drops every packet between two regions. No connection is told.
func (s *Spaces) Cut(a, b string) error {
	return errors.Join(s.CutOneWay(a, b), s.CutOneWay(b, a))
}

// CutOneWay drops every packet from one region to another.
func (s *Spaces) CutOneWay(from, to string) error {
	return errors.Join(s.drop(to, "INPUT", from), s.drop(from, "OUTPUT", to))
}

// Lose drops so many of a hundred packets between two regions, at random.
func (s *Spaces) Lose(a, b string, percent int) error {
	p := []string{"-m", "statistic", "--mode", "random", "--probability", fmt.Sprintf("%.2f", float64(percent)/100)}
	return errors.Join(s.drop(a, "INPUT", b, p...), s.drop(b, "INPUT", a, p...))
}

// Pull takes a region's cable out: peers, clients and the admin port are gone.
func (s *Spaces) Pull(region string) error {
	return run("ip", "-n", s.name(region), "link", "set", iface, "down")
}

// Rate limits what a region sends, in bytes a second.
func (s *Spaces) Rate(region string, bytesPerSecond int) error {
	return s.in(region, "tc", "qdisc", "replace", "dev", iface, "root", "tbf",
		"rate", fmt.Sprintf("%dbit", 8*bytesPerSecond), "burst", "16kb", "latency", "400ms")
}

// Delay makes what a region sends arrive later, not always by the same time, and
// some of a hundred packets not at all.
func (s *Spaces) Delay(region string, d time.Duration, losePercent int) error {
	return s.in(region, "tc", "qdisc", "replace", "dev", iface, "root", "netem",
		"delay", fmt.Sprintf("%dus", d.Microseconds()), fmt.Sprintf("%dus", d.Microseconds()/4),
		"loss", fmt.Sprintf("%d%%", losePercent))
}

// plain takes back what tc was told; there may be nothing.
func (s *Spaces) plain(region string) { s.in(region, "tc", "qdisc", "del", "dev", iface, "root") }

// HealAll makes all well everywhere.
func (s *Spaces) HealAll() error {
	var errs []error
	for _, r := range s.all {
		s.plain(r)
		errs = append(errs, s.in(r, "iptables", "-w", "-F"), run("ip", "-n", s.name(r), "link", "set", iface, "up"))
	}
	return errors.Join(errs...)
}

// close removes all namespaces, with the interfaces in them.
func (s *Spaces) close() {
	run("ip", "link", "del", s.prefix) // the errors are of what was never made
	for _, r := range s.all {
		run("ip", "netns", "del", s.name(r))
	}
	run("ip", "netns", "del", s.hub())
}

// hostPort is an address with a port.
func hostPort(host string, port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }
