// Package oplog is the durable log of one database instance.
package oplog
