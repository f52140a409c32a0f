// Package refusal checks that crdb serve refuses what cannot work with a
// clear error and a non-zero exit code, soon, and that hostile bytes on its
// ports hurt nobody but their sender.
//
// It holds tests only.
package refusal
