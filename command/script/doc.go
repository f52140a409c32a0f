// Package script runs the Lua of EVAL: a sandbox on gopher-lua that answers as
// the Lua inside redis-server 7.0 does.
//
// It leaves to package command: the commands that redis.call runs (Host), the
// locks, the sessions, and when to kill.
//
// # Invariants
//
//	L1  Nothing that one run changes is seen by the next: globals and library
//	    tables cannot be written, and what a library keeps (cjson's options,
//	    the random numbers) is reset before every run.
//	L2  Only Go code of this package and of gopher-lua's base, string, table,
//	    math and coroutine libraries is within reach; no file, no process, no
//	    clock, no bytecode.
//	L3  A run is bounded: the nesting of its source, its calls, its registers,
//	    the coroutines and pcalls that stand in each other, the size of a
//	    string, and, by Kill, its time.
//	L4  A VM that was killed or that failed inside is thrown away.
//
// A VM belongs to one goroutine at a time. Kill may be called from any.
package script
