// Command crdb is a node of an Active-Active database that speaks the Redis
// protocol.
//
// It reads flags, environment and configuration files, wires the clock, the
// network and randomness into package control, and waits for signals. It
// leaves all else to the packages.
//
// It is one of the few places that may ask the system for time, randomness
// and connections: see seams.go.
package main
