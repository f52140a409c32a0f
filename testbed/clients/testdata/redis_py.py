"""Connects redis-py with its defaults and runs basic commands.

Usage: redis_py.py HOST PORT
"""
import sys
import time

import redis

host, port = sys.argv[1], int(sys.argv[2])


def equal(what, got, want):
    if got != want:
        sys.exit(f"{what}: got {got!r}, want {want!r}")


r = redis.Redis(host, port, decode_responses=True)
equal("ping", r.ping(), True)
equal("info", r.info("server")["redis_mode"], "standalone")
r.flushdb()

# Strings and counters.
equal("set", r.set("s", "v"), True)
equal("get", r.get("s"), "v")
equal("get missing", r.get("missing"), None)
equal("set nx", r.set("s", "w", nx=True), None)
equal("set get", r.set("s", "w", get=True), "v")
equal("append", r.append("s", "x"), 2)
equal("incr", r.incr("n", 41), 41)
equal("decr", r.decr("n"), 40)
equal("incrbyfloat", r.incrbyfloat("f", 1.5), 1.5)
equal("mset", r.mset({"a": "1", "b": "2"}), True)
equal("mget", r.mget("a", "b", "missing"), ["1", "2", None])
try:
    r.incr("s")
    sys.exit("incr of a word succeeded")
except redis.ResponseError as e:
    equal("error text", str(e), "value is not an integer or out of range")

# Hashes and sets.
equal("hset", r.hset("h", mapping={"f": "1", "g": "2"}), 2)
equal("hgetall", r.hgetall("h"), {"f": "1", "g": "2"})
equal("hincrby", r.hincrby("h", "f", 4), 5)
equal("hdel", r.hdel("h", "g"), 1)
equal("sadd", r.sadd("set", "x", "y", "z"), 3)
equal("smembers", r.smembers("set"), {"x", "y", "z"})
equal("sismember", bool(r.sismember("set", "x")), True)
equal("srem", r.srem("set", "x"), 1)
equal("sscan_iter", set(r.sscan_iter("set")), {"y", "z"})

# Keys and expiry.
equal("expire", r.expire("s", 100), True)
equal("ttl", 90 <= r.ttl("s") <= 100, True)
equal("persist", r.persist("s"), True)
equal("type", r.type("h"), "hash")
equal("scan_iter", set(r.scan_iter()), {"s", "n", "f", "a", "b", "h", "set"})
equal("delete", r.delete("a", "b", "missing"), 2)
equal("exists", r.exists("s", "a"), 1)
equal("rename", r.rename("s", "t"), True)
equal("dbsize", r.dbsize(), 5)

# Pipelines and transactions with WATCH.
with r.pipeline() as p:
    p.incr("n").get("n").sadd("set", "w")
    equal("pipeline", p.execute(), [41, "41", 1])
with r.pipeline() as p:
    p.watch("n")
    n = int(p.get("n"))
    p.multi()
    p.set("n", n + 1)
    equal("transaction", p.execute(), [True])
with r.pipeline() as p:
    p.watch("n")
    r.set("n", "changed")
    p.multi()
    p.set("n", "lost")
    try:
        p.execute()
        sys.exit("a transaction ran although its key had changed")
    except redis.WatchError:
        pass

# Messages.
s = r.pubsub()
s.subscribe("ch")
equal("subscribe", s.get_message(timeout=5)["type"], "subscribe")
equal("publish", r.publish("ch", "hello"), 1)
message = s.get_message(timeout=5)
equal("message", (message["channel"], message["data"]), ("ch", "hello"))
s.close()

# Another logical database, administration.
other = redis.Redis(host, port, db=3, decode_responses=True)
other.set("there", "1")
equal("other database", (other.dbsize(), r.exists("there")), (1, 0))
other.flushdb()
equal("config", r.config_get("appendfsync")["appendfsync"] in ("always", "everysec"), True)
equal("client setname", r.client_setname("tester"), True)
equal("client list", any(c["name"] == "tester" for c in r.client_list()), True)
equal("time", abs(r.time()[0] - time.time()) < 5, True)
equal("command count", r.command_count() > 50, True)
equal("slowlog", isinstance(r.slowlog_get(), list), True)
print("redis-py", redis.__version__, "ok")
