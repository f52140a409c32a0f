package oracle

import (
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"time"
)

// ErrNoRedis says that there is no redis-server to ask.
var ErrNoRedis = errors.New("redis-server is not on PATH: install it (apt-get install redis-server)")

// redisVersion is the version whose behaviour is the rule.
const redisVersion = "7.0."

// StartRedis starts a redis-server of its own on a free port, without any
// persistence; a configuration file and options come first.
func StartRedis(dir string, more ...string) (addr string, stop func(), err error) {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		return "", nil, ErrNoRedis
	}
	out, err := exec.Command(path, "--version").Output()
	if err != nil {
		return "", nil, fmt.Errorf("redis-server --version: %w", err)
	}
	if !strings.Contains(string(out), "v="+redisVersion) {
		return "", nil, fmt.Errorf("the oracle is Redis %sx, not %s", redisVersion, out)
	}
	port, err := freePort()
	if err != nil {
		return "", nil, err
	}
	cmd := exec.Command(path, append(more, "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", dir)...)
	if err := cmd.Start(); err != nil {
		return "", nil, fmt.Errorf("start redis-server: %w", err)
	}
	stop = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	addr = net.JoinHostPort("127.0.0.1", port)
	if err := waitForServer(addr); err != nil {
		stop()
		return "", nil, err
	}
	return addr, stop, nil
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}

// waitForServer waits until a server answers PING.
func waitForServer(addr string) error {
	deadline := time.Now().Add(replyTimeout)
	for {
		c, err := dial("server", addr, 2)
		if err == nil {
			_, err = c.do("PING")
			c.close()
		}
		if err == nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
}
