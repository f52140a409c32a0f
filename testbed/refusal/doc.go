// Package refusal checks that crdb serve refuses what cannot work with a
// clear error and a non-zero exit code, soon, and that hostile bytes on its
// ports hurt nobody but their sender. TestInput sends bad commands, group by
// group, to a node and to redis-server and compares the replies; the tables are
// in testdata/input.
//
// It holds tests only.
package refusal
