// Command redisserver stands in for redis-server in test suites that start
// their own servers: built as "redis-server" and put first in PATH it reads a
// configuration from standard input, as `redis-server -` does, starts one crdb
// node with it, says so in redis-server's words when the node serves, and ends
// it on SIGTERM. CRDB_BIN names the directory of the crdb binary, CRDB_SUITE_LOG a
// file for the node's log, which is else on standard error.
package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// startTimeout is how long a node may take until it serves.
const startTimeout = time.Minute

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "redisserver:", err)
		os.Exit(1)
	}
}

func run() error {
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM, syscall.SIGINT)
	config, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "crdb-suite-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	cmd, port, err := node(dir, string(config))
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	if err := serves(port, done); err != nil {
		return err
	}
	fmt.Println("Ready to accept connections")
	for parent := os.Getppid(); os.Getppid() == parent; { // a suite that panics ends nobody
		select {
		case <-end:
			return finish(cmd, done)
		case err := <-done:
			return fmt.Errorf("the node ended: %w", err)
		case <-time.After(200 * time.Millisecond):
		}
	}
	return finish(cmd, done)
}

func finish(cmd *exec.Cmd, done <-chan error) error {
	cmd.Process.Kill()
	<-done // it was killed: the error says so
	return nil
}

// node makes the command that starts a node with a configuration of
// redis-server. Port 0 means none there, but the node needs one.
func node(dir, config string) (*exec.Cmd, string, error) {
	port, rest := "0", []string{}
	for _, line := range strings.Split(config, "\n") {
		if name, value, _ := strings.Cut(line, " "); name == "port" {
			port = value
		} else {
			rest = append(rest, line)
		}
	}
	free := freePorts(3)
	if port == "0" || !waitFree(port) {
		port = free[2]
	}
	file := filepath.Join(dir, "crdb.conf")
	if err := os.WriteFile(file, []byte(strings.Join(rest, "\n")), 0o600); err != nil {
		return nil, "", err
	}
	cmd := exec.Command(filepath.Join(os.Getenv("CRDB_BIN"), "crdb"), "serve", "--region", "here", "--dir", filepath.Join(dir, "data"),
		"--config", file, "--database", "suite", "--port", port, "--admin-port", free[0], "--peer-port", free[1], "--gossip-port", "0")
	cmd.Stdout = os.Stderr
	if name := os.Getenv("CRDB_SUITE_LOG"); name != "" {
		var err error
		if cmd.Stdout, err = os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
			return nil, "", err
		}
	}
	cmd.Stderr = cmd.Stdout
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd, port, nil
}

// waitFree waits for a port that an outgoing connection, or a server that just
// ended, may have for a while. False means that it does not come free: some
// suites ask for a port and then use the unix socket only.
func waitFree(port string) bool {
	for began := time.Now(); time.Since(began) < 10*time.Second; time.Sleep(50 * time.Millisecond) {
		if l, err := net.Listen("tcp", "127.0.0.1:"+port); err == nil {
			return l.Close() == nil
		}
	}
	return false
}

// Ports come from below the range of outgoing connections, and of servers that
// a suite starts at ports of its own choice.
const firstPort, lastPort = 11000, 31000

func freePorts(n int) (ports []string) {
	for at := os.Getpid() * 37; len(ports) < n; at++ {
		port := strconv.Itoa(firstPort + at%(lastPort-firstPort))
		if l, err := net.Listen("tcp", "127.0.0.1:"+port); err == nil {
			defer l.Close()
			ports = append(ports, port)
		}
	}
	return ports
}

// serves waits until the node answers at its port, or has ended.
func serves(port string, done <-chan error) error {
	for began := time.Now(); ; {
		err := ping(port)
		if err == nil {
			return nil
		}
		select {
		case err := <-done:
			return fmt.Errorf("the node ended: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
		if time.Since(began) > startTimeout {
			return fmt.Errorf("no answer at port %s: %w", port, err)
		}
	}
}

func ping(port string) error {
	conn, err := net.Dial("tcp", "127.0.0.1:"+port)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err = conn.Write([]byte("PING\r\n")); err != nil {
		return err
	}
	reply := make([]byte, len("+PONG\r\n"))
	if _, err = io.ReadFull(conn, reply); err == nil && string(reply) != "+PONG\r\n" {
		err = fmt.Errorf("PING answers %q", reply)
	}
	return err
}
