// Package quiet says which of the troubles that come again and again are shown, so that a
// region that is away for days does not fill the logs of the others: each the first,
// second, fourth, eighth ... time. What is logged, and where, is its user's.
//
// Invariant:
//
//	U1  what is remembered is bounded.
package quiet
