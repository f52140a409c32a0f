package refusal

import (
	"testing"
	"time"
)

// group is bad input of one kind.
type group struct {
	name   string
	send   func(*testing.T, *servers)
	wait   time.Duration // 0: usualWait
	memory int           // MiB, 0: usualMemory
	peak   int           // MiB, 0: usualPeak
}

// TestInput sends what programs with faults, and enemies, send to a node, and
// the same to redis-server: the replies are equal; nobody else waits for long;
// the node lives and gives back the memory.
func TestInput(t *testing.T) {
	b := startServers(t)
	for _, g := range []group{
		{name: "arity", send: arity},
		{name: "types", send: table("types.txt")},
		{name: "numbers", send: table("numbers.txt")},
		{name: "counts", send: table("counts.txt")},
		{name: "endless", send: endless},
		{name: "bytes", send: table("bytes.txt")},
		{name: "dumps", send: dumps, wait: 2 * time.Second},
		{name: "HyperLogLogs", send: hlls},
		{name: "flood", send: flood},
		{name: "globs", send: globs, wait: 2 * time.Second},
		{name: "scripts", send: table("scripts.txt"), wait: 3 * time.Second},
		{name: "runaways", send: runaway, peak: 1500, wait: 2 * time.Second},
		{name: "blocked", send: blocked, wait: 2 * time.Second},
		{name: "protocol", send: protocol},
		{name: "offsets", send: offsets, wait: replyTime, memory: 700, peak: 700}, // one string of 512 MB,
	} {
		t.Run(g.name, func(t *testing.T) { b.run(t, g) })
	}
}

// run plays a group on empty servers, with a bystander.
func (b *servers) run(t *testing.T, g group) {
	if g.wait == 0 {
		g.wait = usualWait
	}
	if g.memory == 0 {
		g.memory = usualMemory
	}
	if g.peak == 0 {
		g.peak = usualPeak
	}
	b.both(t, "FLUSHALL")
	b.both(t, "SET", "bystander", "1")
	before, began := b.resident(t), time.Now()
	forgetPeak(b.node.PID())
	s := watch(b.node.Addr())
	g.send(t, b)
	waited, err := s.end()
	took := time.Since(began)
	if err != nil || waited > g.wait {
		t.Errorf("a bystander has waited for %v, want at most %v: %v", waited, g.wait, err)
	}
	b.both(t, "FLUSHALL")
	after := b.resident(t)
	for end := time.Now().Add(memoryTime); after > before+g.memory && time.Now().Before(end); after = b.resident(t) {
		time.Sleep(50 * time.Millisecond)
	}
	if after > before+g.memory {
		t.Errorf("memory went from %d to %d MiB, want at most %d more", before, after, g.memory)
	}
	most := peak(b.node.PID())
	if most > before+g.peak {
		t.Errorf("memory went from %d to %d MiB for a while, want at most %d more", before, most, g.peak)
	}
	t.Logf("%v; the bystander waited for at most %v; memory %d, at most %d, then %d MiB",
		took.Round(time.Millisecond), waited.Round(100*time.Microsecond), before, most, after)
}
