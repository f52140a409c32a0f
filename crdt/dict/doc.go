// Package dict is the memory under every large collection and under the
// keyspace: a hash table from byte strings to small byte records that holds no
// pointers, so that the garbage collector never looks into it.
//
// It is an extendible hash table (Fagin et al., 1979): a directory over the top
// bits of a 32-bit hash points to segments of at most a few hundred entries. A
// full segment splits in two, so growth costs microseconds at a time and never
// a rehash of everything. Inside a segment the slots are an open-addressing
// table with linear probing whose entries stay ordered by hash; keys and values
// lie in one byte arena per segment.
//
// Because everything is ordered by hash, a position in hash space is a cursor
// that survives any growth, and an interval of hashes is a contiguous piece.
//
// Invariants:
//
//	T1  slots of a segment are ordered by hash, and no empty slot lies between
//	    an entry and its home position;
//	T2  every directory entry of a segment's prefix points to that segment;
//	T3  a scan returns every key that is present from its start to its end.
//
// A Dict is not safe for concurrent use: its owner locks. Slices it returns alias
// its memory and are valid until the next change of the same entry: a change of
// another one may move the entries, but leaves what was there as it was. The caller
// supplies the hash of each key, always the same for the same key; see Hash.
package dict
