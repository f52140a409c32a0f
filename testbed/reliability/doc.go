// Command reliability measures how crdb comes back: recovery after a restart,
// catching up after an absence, state transfers, and comparing regions. It writes
// the table in docs/reliability.md.
//
// Three regions run as processes on this machine, without proxies. One of them is
// killed while another takes writes, and started again. Throughput is counted
// from the moment the returning node answers until it has everything. The time
// of a local SET is probed a thousand times a second, by one connection, before
// and during; in a state transfer, which a log that is cut makes necessary, at both
// sides. The recovery and the comparison use databases of their own.
package main
