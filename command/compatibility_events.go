package command

// eventsPage is the part of docs/compatibility.md about keyspace notifications.
const eventsPage = `
## Keyspace notifications

` + "`notify-keyspace-events`" + ` takes the flags of Redis 7.0, and a command tells of what it does by the same events in the same
order as there; each region tells its own subscribers. What differs:

- A key past its deadline is hidden at once; ` + "`expired`" + ` comes when it is deleted, at most about 100 ms later, not when it is read.
- Hash fields with deadlines tell as in Redis 7.4: ` + "`hexpire`, `hpersist`, `hdel` if the deadline has passed already, and `hexpired`" + ` when
  it passes, with ` + "`del`" + ` behind it if no field is left.
- Operations of other regions tell, too. They are effects and do not say which command caused them, so the event is that of the
  plainest command with the effect:

| effect | event |
|---|---|
| a string is written, in whole or in part | set, then expire if it has a deadline |
| a number is added to a string | incrby, incrbyfloat |
| a HyperLogLog grows | pfadd |
| a key is removed, or the last of its elements | del; expired or evicted if that is why |
| a deadline is set, or removed | expire, persist |
| set members are added, removed | sadd, srem |
| hash fields are written, removed, added to | hset, hdel, hincrby, hincrbyfloat |
| deadlines of hash fields are set, removed, pass | hexpire, hpersist, hexpired |
| members of a sorted set are written, removed, added to | zadd, zrem, zincr |
| list elements are added at an end, or inside | lpush, rpush, linsert |
| list elements are replaced, removed | lset, lrem |
| stream entries are added, removed by the same XADD, removed otherwise | xadd, xtrim, xdel |
| a consumer group is created, removed; the last ID is set | xgroup-create, xgroup-destroy, xsetid |

So RENAME and COPY look like writes of the target, and an addition of what is there already tells although nothing changes. An
element pushed alone into a list that did not exist is told of as rpush. FLUSHALL tells nothing, as in Redis; elsewhere, keys that
hold counters are told of with del.

A state transfer tells once of each key that it changes, by its type, whatever it changes of it: set, pfadd, sadd, hset, zadd, rpush,
xadd, or del if it takes the key away.
`
