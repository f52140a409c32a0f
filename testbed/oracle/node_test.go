package oracle

import (
	"math/rand/v2"
	"testing"
	"time"

	"crdb/command"
	"crdb/crdt"
	"crdb/engine"
	"crdb/oplog"
	"crdb/resp"
)

// startNode starts a database of one instance in this process, with its log in
// a directory of the test, and returns its address.
func startNode(t *testing.T) string {
	t.Helper()
	return startNodeWith(t, func() int64 { return time.Now().UnixMilli() }, nil, nil)
}

// startNodeWith is startNode with a clock, a listener for the keys that
// commands look up, and changes to the options of the commands.
func startNodeWith(t *testing.T, wall func() int64, touched func(db int, key []byte), change func(*command.Options)) string {
	t.Helper()
	const replica = crdt.ReplicaID(1)
	began := time.Now()
	mono := func() int64 { return int64(time.Since(began)) }

	log, err := oplog.Open(oplog.Options{
		Dir:      t.TempDir(),
		Identity: oplog.Identity{Database: "oracle", Name: "oracle", Region: "here", Replica: replica},
		Wall:     wall,
		Mono:     mono,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closing(t, "log", log.Close()) })

	eng, err := engine.Open(engine.Options{
		Log: log, Seed: rand.Uint64(), Replica: replica, Wall: wall, Mono: mono, Rand: rand.Uint64, Touched: touched,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(eng.Close)

	o := command.Options{
		Engine: eng, Log: log, Wall: wall, Now: mono, Rand: rand.Uint64,
		Region: "here", Database: "oracle", GUID: "oracle", Replica: replica,
	}
	if change != nil {
		change(&o)
	}
	srv := command.NewServer(o)
	t.Cleanup(srv.Close)

	listener, err := resp.Listen(resp.ServerOptions{Addr: "127.0.0.1:0", NewSession: srv.NewSession})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closing(t, "listener", listener.Close()) })
	return listener.Addr().String()
}

func closing(t *testing.T, what string, err error) {
	if err != nil {
		t.Errorf("close %s: %v", what, err)
	}
}
