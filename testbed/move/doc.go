// Package move tests how data comes in and goes out: dump files of a real
// redis-server imported, exports loaded by a real redis-server, and both
// compared key by key; backups taken under load and restored.
//
// It starts real processes. Without redis-server on PATH the tests that need
// it are left out, saying so, unless CRDB_REQUIRE_ALL is set.
package move
