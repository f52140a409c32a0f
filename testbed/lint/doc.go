// Package lint checks the project's own rules as Go tests: which package may
// import which, where clock, randomness and network come in, how long files
// and functions are, and what prose may not mention.
//
// Every rule is a function from a description of the tree to its faults, and
// is also run on a small tree that breaks it: a rule that cannot fail checks
// nothing.
package lint
