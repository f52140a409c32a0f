// Package rdb is Redis's format of saved data: the file that SAVE writes and
// the payloads of DUMP, which are single objects of it.
//
// It leaves to others where values come from and where they go to: it knows no
// keyspace and no commands. It imports the standard library only.
//
// # Words
//
// An object is one value in one of its many encodings, named by a byte of type.
// A part is a piece of an object, so that a large one need not be in memory as
// a whole.
//
// # Invariants
//
//	R1  Whatever the bytes are, reading ends with a value or with an error that
//	    says at which offset; never with a panic.
//	R2  Memory grows with the bytes that have arrived, never by a length that
//	    they claim; a compressed string grows by what its bytes expand to.
//	R3  What is read is sound: pairs have two halves, scores are numbers, no
//	    object but a stream is empty (a file's empty keys are left out), a stream's
//	    IDs ascend.
//	R4  What Writer writes every Redis from 5.0 on reads, streams and functions
//	    apart, which need 7.0, and what its owner asks for by Dated, which needs
//	    7.4.
//
// A Reader or Writer belongs to one goroutine.
package rdb
