// Command crdb-cli manages databases across regions through the admin port of
// any node.
//
// It leaves everything to the node it asks; it holds no state of its own.
//
// Exit codes, which scripts may rely on:
//
//	0  done
//	1  failed
//	2  wrong usage
//	3  not ready, unhealthy, or done on some clusters only
//	4  not allowed
//	5  no answer in time
package main
