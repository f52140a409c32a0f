// Package linear says whether what clients of one region saw could have happened
// one command after the other: linearizability, of a register and a counter that
// plain commands, MULTI, WATCH and scripts work on together.
//
// The simulator and the tests of real processes record histories; the judge is
// porcupine.
package linear
