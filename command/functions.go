package command

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"crdb/command/script"
	"crdb/engine"
)

// functions are the libraries of this instance. What is true is the internal
// database of the engine: by the name of a library, its code, a string like any
// other, so that the newest of two concurrent ones counts. Here is what has
// been made of it: one VM with all libraries loaded, which belongs to whoever
// holds the whole keyspace. mu guards the rest.
type functions struct {
	vm   *script.VM
	seen uint64        // engine.Internals that this is made of, plus 1; 0: nothing is made
	made atomic.Uint64 // seen, for who holds no locks

	mu     sync.Mutex
	libs   map[string]*library
	byName map[string]*script.Function // by name in lower case
}

// library is a library that is loaded, or cannot be.
type library struct {
	code      string
	functions []*script.Function
	broken    bool
}

// storedLibraries returns the code of all libraries. The whole keyspace is
// locked.
func (c *Context) storedLibraries() map[string]string {
	var names []string
	out := make(map[string]string)
	c.internally(func() {
		for cursor, first := uint64(0), true; first || cursor != 0; first = false {
			cursor = c.Tx.Scan(cursor, 1000, func(key []byte, _ engine.Type) { names = append(names, string(key)) })
		}
		for _, name := range names {
			if code, ok, err := c.Tx.Get([]byte(name)); ok && err == nil {
				out[name] = string(code)
			}
		}
	})
	return out
}

// internally runs fn with the internal database selected.
func (c *Context) internally(fn func()) {
	db := c.Tx.DB()
	c.Tx.Select(engine.Internal)
	defer c.Tx.Select(db)
	fn()
}

// current reports whether the VM is what the stored libraries say. The whole
// keyspace is locked.
func (f *functions) current(srv *Server) bool {
	return f.seen == srv.engine.Internals()+1 && f.vm.Usable()
}

// onlyReads reports whether a function says that it does not write. Any goroutine
// may ask.
func (f *functions) onlyReads(srv *Server, name []byte) bool {
	if f.made.Load() != srv.engine.Internals()+1 {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	fn := f.byName[strings.ToLower(string(name))]
	return fn != nil && fn.Flags&script.NoWrites != 0
}

// refresh makes the VM what the stored libraries say: those that have changed
// are loaded anew, the others keep their state. The whole keyspace is locked.
func (f *functions) refresh(c *Context, r *scriptRun) {
	if f.current(c.Server) {
		return
	}
	now := c.Server.engine.Internals() + 1
	stored := c.storedLibraries()
	libs := f.copy()
	maps.DeleteFunc(libs, func(name string, lib *library) bool {
		code, there := stored[name]
		return !there || code != lib.code
	})
	for !f.loadMissing(r, libs, stored) {
	}
	f.publish(libs)
	f.seen = now
	f.made.Store(now)
}

// loadMissing loads what is stored and not in libs. False means that a library
// has killed the VM: that one is marked, and all others must be loaded again.
func (f *functions) loadMissing(r *scriptRun, libs map[string]*library, stored map[string]string) bool {
	if f.vm == nil || !f.vm.Usable() {
		if f.vm != nil {
			f.vm.Discard()
		}
		f.vm = script.NewFunctionVM()
		maps.DeleteFunc(libs, func(_ string, lib *library) bool { return !lib.broken })
	}
	for _, name := range slices.Sorted(maps.Keys(stored)) {
		if libs[name] != nil {
			continue
		}
		lib, err := f.load(r, name, stored[name])
		if err != nil {
			r.s.srv.opts.Logger.Warn("a library of functions cannot be loaded here", "library", name, "error", err)
			lib = &library{code: stored[name], broken: true}
		}
		libs[name] = lib
		if !f.vm.Usable() {
			return false
		}
	}
	return true
}

// load compiles a library and runs its code, within bounds of time and memory.
func (f *functions) load(r *scriptRun, name, code string) (*library, error) {
	compiled, err := script.CompileLibrary(name, code)
	if err != nil {
		return nil, err
	}
	r.heap.Store(0)
	g := &loadGuard{run: r, vm: f.vm, left: loadTime}
	g.arm()
	defer g.end()
	list, err := f.vm.Load(compiled, r)
	if err != nil {
		return nil, err
	}
	return &library{code: code, functions: list}, nil
}

// publish makes libs what there is. Of two functions of one name, which
// concurrent loads in two regions can make, that of the library whose name
// comes first counts.
func (f *functions) publish(libs map[string]*library) {
	byName := make(map[string]*script.Function)
	names := slices.Sorted(maps.Keys(libs))
	slices.Reverse(names)
	for _, name := range names {
		for _, fn := range libs[name].functions {
			byName[strings.ToLower(fn.Name)] = fn
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.libs, f.byName = libs, byName
}

// copy is a map of what there is, to change and publish.
func (f *functions) copy() map[string]*library {
	f.mu.Lock()
	defer f.mu.Unlock()
	libs := make(map[string]*library, len(f.libs)+1)
	maps.Copy(libs, f.libs)
	return libs
}

// find returns the function of a name, nil if there is none.
func (f *functions) find(name []byte) *script.Function {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.byName[strings.ToLower(string(name))]
}

// clash returns the first function of the named libraries, which are new, that
// some other library has as well; "" if there is none.
func clash(libs map[string]*library, names ...string) string {
	seen := make(map[string]bool)
	for name, lib := range libs {
		for _, fn := range lib.functions {
			if !slices.Contains(names, name) {
				seen[strings.ToLower(fn.Name)] = true
			}
		}
	}
	for _, name := range names {
		for _, fn := range libs[name].functions {
			lower := strings.ToLower(fn.Name)
			if seen[lower] {
				return fn.Name
			}
			seen[lower] = true
		}
	}
	return ""
}

const (
	loadTime  = 500 * time.Millisecond // what the code of a library may take when it is loaded
	loadWatch = 20 * time.Millisecond
)

// loadGuard kills a VM that takes too long, or too much memory, to load a
// library. mu guards over.
type loadGuard struct {
	run  *scriptRun
	vm   *script.VM
	left time.Duration
	mu   sync.Mutex
	over bool
}

func (g *loadGuard) arm() {
	g.run.s.srv.opts.AfterFunc(loadWatch, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.left -= loadWatch
		switch {
		case g.over:
		case g.left <= 0 || g.run.Crowded():
			g.vm.Kill("FUNCTION LOAD timeout")
		default:
			g.arm()
		}
	})
}

func (g *loadGuard) end() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.over = true
}
