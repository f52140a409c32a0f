package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// readyTimeout is how long a node may take from its start until /readyz says
// yes; it includes the recovery of its log.
const readyTimeout = 30 * time.Second

// Node is one region's crdb process.
type Node struct {
	Region string
	Dir    string // data directory
	Admin  int    // port of the admin API
	Peer   int    // port for other regions
	Gossip int    // port for membership
	RESP   int    // port of the database

	host  string // its address
	space string // its network namespace, if it has one
	clock string // the file that sets its clock, if it can be set
	bin   string
	args  []string
	log   string
	proc  *process
}

// process is one run of a node.
type process struct {
	cmd    *exec.Cmd
	done   chan struct{} // closed when it has ended
	told   sync.Once
	wanted chan struct{} // closed when it was told to end
}

func (p *process) expect() { p.told.Do(func() { close(p.wanted) }) }

// Start runs the process; it does not wait until the node is ready.
func (n *Node) Start() error {
	if n.Running() {
		return fmt.Errorf("node %s is already running", n.Region)
	}
	out, err := os.OpenFile(n.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer out.Close()
	cmd := exec.Command(n.bin, n.args...)
	if n.space != "" { // ip becomes the node: one process
		cmd = exec.Command("ip", append([]string{"netns", "exec", n.space, n.bin}, n.args...)...)
	}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Env = Environ()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start node %s: %w", n.Region, err)
	}
	p := &process{cmd: cmd, done: make(chan struct{}), wanted: make(chan struct{})}
	go func() {
		cmd.Wait() // how it ended is in cmd.ProcessState
		close(p.done)
	}()
	n.proc = p
	return nil
}

// Instance is what crdb-cli takes as --instance for the node's database.
func (n *Node) Instance() string { return fmt.Sprintf("fqdn=%s,port=%d", n.AdminAddr(), n.RESP) }

// Running says whether the process is there (paused counts).
func (n *Node) Running() bool {
	if n.proc == nil {
		return false
	}
	select {
	case <-n.proc.done:
		return false
	default:
		return true
	}
}

// Crashed is the error of a process that ended without being told to.
func (n *Node) Crashed() error {
	if n.proc == nil || n.Running() {
		return nil
	}
	select {
	case <-n.proc.wanted:
		return nil
	default:
		return fmt.Errorf("node %s ended by itself: %v", n.Region, n.proc.cmd.ProcessState)
	}
}

// WaitReady waits until /readyz answers 200.
func (n *Node) WaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	err := Poll(ctx, 10*time.Millisecond, func() error {
		if err := n.Crashed(); err != nil {
			return Permanent(err)
		}
		_, err := n.Get(ctx, "/readyz")
		return err
	})
	if err != nil {
		return fmt.Errorf("node %s is not ready: %w", n.Region, err)
	}
	return nil
}

// Get asks the admin port for a path and returns the body. A status other than
// 200 is an error.
func (n *Node) Get(ctx context.Context, path string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+n.AdminAddr()+path, nil)
	if err != nil {
		return "", err
	}
	req.Header.Set("Accept-Encoding", "identity") // compression would cost the node what is measured elsewhere
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s answers %s", path, res.Status)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxBody))
	return string(body), err
}

// maxBody bounds an answer of the admin port, in bytes.
const maxBody = 16 << 20

// AdminAddr is the host and port of the admin API.
func (n *Node) AdminAddr() string { return net.JoinHostPort(n.host, strconv.Itoa(n.Admin)) }

// Addr is the host and port of the database.
func (n *Node) Addr() string { return hostPort(n.host, n.RESP) }

// PID is the process id of the current run.
func (n *Node) PID() int { return n.proc.cmd.Process.Pid }

// Kill ends the process at once, as a power cut of the process would.
func (n *Node) Kill() error { return n.end(syscall.SIGKILL) }

// Stop asks the process to end in good order and waits for it.
func (n *Node) Stop() error { return n.end(syscall.SIGTERM) }

func (n *Node) end(sig syscall.Signal) error {
	if !n.Running() {
		return nil
	}
	n.proc.expect()
	if err := n.proc.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-n.proc.done:
		return nil
	case <-time.After(20 * time.Second):
		n.proc.cmd.Process.Kill()
		<-n.proc.done
		return fmt.Errorf("node %s did not end within 20 s of %v", n.Region, sig)
	}
}

// Restart starts a node that was killed or stopped and waits until it is
// ready.
func (n *Node) Restart(ctx context.Context) error {
	if err := n.Start(); err != nil {
		return err
	}
	return n.WaitReady(ctx)
}

// Pause freezes the process; Resume lets it go on.
func (n *Node) Pause() error { return n.proc.cmd.Process.Signal(syscall.SIGSTOP) }

// Resume lets a paused process go on.
func (n *Node) Resume() error { return n.proc.cmd.Process.Signal(syscall.SIGCONT) }

// SetClock puts the node's clock ahead of the machine's, or behind it, at once
// if it runs.
func (n *Node) SetClock(ahead time.Duration) error {
	next := n.clock + ".next"
	if err := os.WriteFile(next, []byte(strconv.FormatInt(ahead.Milliseconds(), 10)), 0o644); err != nil {
		return err
	}
	return os.Rename(next, n.clock)
}

// Usage is what a process has used so far.
func (n *Node) Usage() (Usage, error) { return ProcessUsage(n.PID()) }

// newNode takes ports and directories for a region below dir.
func newNode(dir, region, bin string) (*Node, error) {
	n := &Node{Region: region, Dir: filepath.Join(dir, region), bin: bin, host: "127.0.0.1"}
	n.log = filepath.Join(dir, region+".log")
	for _, port := range []*int{&n.Admin, &n.Peer, &n.Gossip, &n.RESP} {
		var err error
		if *port, err = freePort(); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// configure sets the command line of later runs.
func (n *Node) configure(config string, extra []string) {
	n.args = append([]string{
		"serve", "--region", n.Region, "--dir", n.Dir, "--config", config,
		"--admin-port", strconv.Itoa(n.Admin), "--peer-port", strconv.Itoa(n.Peer),
		"--gossip-port", strconv.Itoa(n.Gossip),
	}, extra...)
}
