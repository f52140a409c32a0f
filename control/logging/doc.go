// Package logging makes the logger of a node: log/slog, text or JSON, one
// line an event, with lines that repeat held back.
//
// It leaves to its callers what is worth a line. redis.conf's log levels map
// to slog's: debug, verbose (between debug and info), notice (info), warning.
//
// Invariants:
//
//  1. Of lines with the same level, message and subject (the attributes
//     database, region, peer and error) at most burst pass in each window. The first
//     line after a quiet time always passes.
//  2. Nothing is dropped silently: the next line that passes carries how many
//     were held back.
//  3. The table of subjects has at most maxKeys entries.
package logging
