// Package command is the Redis command set over the engine: one table of
// commands, the sessions that run them, and a set of files per family.
package command
