// Command bench compares crdb with redis-server on this machine and writes
// the table in docs/performance.md.
//
// It drives both with redis-benchmark (50 connections, 64-byte values,
// 100,000 keys): redis-server with appendonly yes and appendfsync everysec,
// crdb with its log on as one node, and crdb as three nodes on this machine
// of which one is written to. Systems take turns, round after round, each
// started anew with the others gone; every figure is the median of the
// rounds. CPU is user and system time of all processes of the system, until
// all regions have everything, divided by the number of requests.
//
// It also measures how long a write takes to show in the other regions while
// the writing region runs at half of its unpipelined SET throughput, and the
// resident memory of one million strings.
//
// With -all it measures other things, into a page of their own: commands of
// every family, one by one and pipelined, and keys with a million elements, how
// long and how much memory it takes to build, read and delete them, and how long
// other clients wait while one is deleted. The memory of a process before
// anything is written stands beside: it is larger for crdb, and it is not the
// data's. -only names families, with commas between, and measures nothing else:
// go run ./testbed/bench -all -only LPUSH,LPOP.
//
// With -profile it measures nothing: it runs all of that against one of two
// regions and writes a profile of both, by which the compiler optimises crdb.
package main
