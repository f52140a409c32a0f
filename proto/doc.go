// Package proto is the home of the wire formats between nodes: one folder per
// service, each with its .proto file and the Go code made from it, which is
// committed.
//
// The types stay at the edge: only peer and control import them, and turn them
// into their own types at once.
package proto

//go:generate sh generate.sh
