// Package api is what a node's admin port speaks: the JSON objects of the REST
// interface, its error codes, and a client for it.
//
// It leaves the meaning of every call to package control. It imports the
// standard library only, so that the command-line client stays small and the
// objects can be read without knowing the rest.
//
// Names and shapes follow what users of Active-Active Redis know: /v1/crdbs
// for databases across regions, /v1/crdb_tasks for the tasks that change
// them, /v1/bdbs for the part of a database that lives on one node.
//
// Invariants:
//
//  1. Every body is read up to MaxBody and no further, in both directions.
//  2. Every failed call answers an Error: a code for programs and a sentence
//     for people.
//  3. A Client holds no goroutine and no state but its HTTP connections;
//     it may be used by several goroutines.
package api
