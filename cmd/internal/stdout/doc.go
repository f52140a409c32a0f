// Package stdout is what the command lines of both programs write to.
//
// A command that has done its work and could not say so has failed for whoever
// reads what it says: a script that keeps a list in a file on a full disk must
// not take an empty list for the truth. So nothing that prints has to look at
// what the write returned; the program asks once, at its end.
package stdout
