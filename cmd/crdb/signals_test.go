package main

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// asProgram makes the test binary the program: a signal that ends it ends no test.
const asProgram = "TEST_AS_CRDB"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	os.Exit(m.Run())
}

// A node outlives its terminal and the reader of its log, and its orderly stop is one still.
func TestServeOutlivesTheReaderOfItsLog(t *testing.T) {
	admin, err := freePort(21200)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "serve", "--region", "us-east", "--dir", t.TempDir(), "--admin-port", itoa(admin), "--peer-port", "0", "--gossip-port", "0")
	cmd.Env = append(os.Environ(), asProgram+"=1")
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	lines := bufio.NewScanner(log)
	for lines.Scan() && !strings.Contains(lines.Text(), "node is ready") {
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	var out output
	if code := run(context.Background(), []string{"healthcheck", "--admin-port", itoa(admin)}, nil, &out, &out); code != exitOK {
		t.Error(out.String())
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil { // it has logged that it stops
		t.Error(err)
	}
}
