package command

import (
	"strings"
	"sync"
	"sync/atomic"

	"crdb/command/script"
)

const (
	maxEvalScripts = 4096     // compiled for EVAL
	maxScriptBytes = 64 << 20 // text of all compiled scripts
	idleVMs        = 8
)

// scripts is what sessions share about Lua: compiled scripts, idle VMs, and
// who is running. mu guards all but away and waiting.
type scripts struct {
	table *Table

	mu      sync.Mutex
	bodies  map[string]*script.Script
	shas    map[string]*script.Script
	order   []string // SHAs of EVAL's scripts, the oldest first
	bytes   int
	idle    []*script.VM
	running map[*scriptRun]struct{}
	early   string // SCRIPT KILL came before the run in the background had begun: why to end it
	closing bool   // no run may go on

	away    atomic.Int32 // runs in the background: everybody else waits
	began   atomic.Int64 // of the first of them, monotonic
	waiting waiters
	jobs    sync.WaitGroup
}

func (p *scripts) init(table *Table) {
	p.table = table
	p.bodies, p.shas = map[string]*script.Script{}, map[string]*script.Script{}
	p.running = map[*scriptRun]struct{}{}
	p.waiting.init()
}

// cached returns how many scripts are kept, and the bytes of their texts.
func (p *scripts) cached() (n, bytes int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.shas), p.bytes
}

func (p *scripts) bySHA(sha []byte) *script.Script {
	p.mu.Lock()
	defer p.mu.Unlock()
	if sc := p.shas[string(sha)]; sc != nil || len(sha) != 40 {
		return sc
	}
	return p.shas[strings.ToLower(string(sha))]
}

// compiled returns the script with this text, and compiles it if need be. One
// that was loaded stays until SCRIPT FLUSH or until there are too many bytes.
func (p *scripts) compiled(body []byte, keep bool) (*script.Script, error) {
	p.mu.Lock()
	sc := p.bodies[string(body)]
	p.mu.Unlock()
	if sc != nil {
		return sc, nil
	}
	sc, err := script.Compile(script.SHA(body), string(body))
	if err != nil {
		return nil, err
	}
	sc.Keyed = p.table.touchesItsKeys(sc)
	sc.Calls = nil
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bodies[sc.Body], p.shas[sc.SHA] = sc, sc
	p.bytes += len(body)
	p.order = append(p.order, sc.SHA)
	for len(p.order) > 1 && (p.bytes > maxScriptBytes || !keep && len(p.order) > maxEvalScripts) {
		p.forgetLocked(p.order[0])
		p.order = p.order[1:]
	}
	return sc, nil
}

func (p *scripts) forgetLocked(sha string) {
	if sc := p.shas[sha]; sc != nil {
		delete(p.shas, sha)
		delete(p.bodies, sc.Body)
		p.bytes -= len(sc.Body)
	}
}

func (p *scripts) flush() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.bodies)
	clear(p.shas)
	p.order, p.bytes, p.idle = nil, 0, nil
}

// take finds a VM for a run and lists the run.
func (p *scripts) take(r *scriptRun) {
	p.mu.Lock()
	if n := len(p.idle); n > 0 {
		r.vm, p.idle = p.idle[n-1], p.idle[:n-1]
	}
	p.mu.Unlock()
	if r.vm == nil {
		r.vm = script.NewVM()
	}
	p.list(r)
}

// list lists a run that has its VM.
func (p *scripts) list(r *scriptRun) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running[r] = struct{}{}
	r.onSpot = !r.s.isAway()
	if p.closing {
		r.vm.Kill(msgClosing)
	} else if p.early != "" && p.away.Load() > 0 {
		r.vm.Kill(p.early)
	}
	p.early = ""
}

// give takes a run off the list, and keeps its VM if it is as good as new.
func (p *scripts) give(r *scriptRun, reuse bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.running, r)
	if reuse && r.vm.Usable() && len(p.idle) < idleVMs {
		p.idle = append(p.idle, r.vm)
	} else {
		r.vm.Discard()
	}
	r.vm = nil
}

// unlist takes the run of a function off the list.
func (p *scripts) unlist(r *scriptRun) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.running, r)
	r.vm, r.function, r.line = nil, "", nil
}

// inFunction reports whether a function is running.
func (p *scripts) inFunction() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.functionLocked() != nil
}

func (p *scripts) functionLocked() *scriptRun {
	for r := range p.running {
		if r.function != "" {
			return r
		}
	}
	return nil
}

// busy is what commands are told that cannot run beside a script.
func (p *scripts) busy() string {
	if p.inFunction() {
		return msgBusyFunction
	}
	return msgBusy
}

// kill stops every run that has not written; away says that there is one in the
// background, which may not have begun. One on the spot ends by itself, and
// killing it would cost its VM, which keeps what the libraries keep.
func (p *scripts) kill(why string, away bool) (found, killed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for r := range p.running {
		if r.onSpot {
			continue
		}
		found = true
		if !r.wrote.Load() {
			r.vm.Kill(why)
			killed = true
		}
	}
	if !found && away {
		p.early = why
		return true, true
	}
	return found, killed
}

const msgClosing = "The server is closing."

// stop kills all runs, whatever they have done, and waits for their ends.
func (p *scripts) stop() {
	p.mu.Lock()
	p.closing = true
	for r := range p.running {
		r.vm.Kill(msgClosing)
	}
	p.mu.Unlock()
	p.jobs.Wait()
}
