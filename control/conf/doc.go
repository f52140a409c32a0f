// Package conf turns command-line flags, CRDB_* environment variables and
// configuration files into the settings of a node.
//
// It leaves to the command package what the redis.conf names of a database
// mean (maxclients, requirepass ...): it hands them on as text and asks, through Options.Check,
// whether they are right. It reads files, and starts nothing.
//
// Invariants:
//
//  1. A flag beats the environment, the environment beats the file, the file
//     beats the default.
//  2. An unknown name or a wrong value is an error that says where it stands:
//     file and line, variable, or flag.
//  3. Files are in redis.conf syntax: one directive a line, quotes as in
//     redis-cli, "#" starts a comment line, "include" reads another file,
//     later lines win over earlier ones except for names that may be repeated.
//  4. Includes nest at most maxIncludes deep and a file is at most maxFile
//     bytes.
package conf
