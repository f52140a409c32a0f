// Package compose checks the three regions of docker-compose.yml: each pair
// of regions on a network of its own, cut and healed by regions.sh as `make
// partition` and `make heal` do.
//
// It holds a script and a test. Without a Docker engine the test is left out
// and says so.
package compose
