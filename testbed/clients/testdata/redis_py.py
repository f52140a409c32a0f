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

# Lists, sorted sets, streams with groups, geo, HyperLogLogs, bits.
equal("rpush", r.rpush("list", "a", "b", "c"), 3)
equal("lrange", r.lrange("list", 0, -1), ["a", "b", "c"])
equal("lpos", r.lpos("list", "c"), 2)
equal("linsert", r.linsert("list", "before", "b", "x"), 4)
equal("lmove", r.lmove("list", "other", "LEFT", "RIGHT"), "a")
equal("blpop", r.blpop(["nothing", "other"], timeout=1), ("other", "a"))
equal("blpop of nothing", r.blpop("nothing", timeout=1), None)
equal("sort", r.sort("list", alpha=True, desc=True), ["x", "c", "b"])
equal("zadd", r.zadd("z", {"one": 1, "two": 2, "three": 3}), 3)
equal("zincrby", r.zincrby("z", 1.5, "one"), 2.5)
equal("zrange", r.zrange("z", 0, -1, withscores=True), [("two", 2.0), ("one", 2.5), ("three", 3.0)])
equal("zrangebyscore", r.zrangebyscore("z", 2, "(3"), ["two", "one"])
equal("zpopmin", r.zpopmin("z"), [("two", 2.0)])
equal("zunionstore", r.zunionstore("u", {"z": 2}), 2)
equal("zscan_iter", dict(r.zscan_iter("u")), {"one": 5.0, "three": 6.0})
first = r.xadd("st", {"f": "1"})
equal("xgroup create", r.xgroup_create("st", "g", id="0"), True)
r.xadd("st", {"f": "2"}, maxlen=10)
equal("xreadgroup", r.xreadgroup("g", "c", {"st": ">"}, count=1), [["st", [(first, {"f": "1"})]]])
equal("xpending", r.xpending("st", "g")["pending"], 1)
equal("xack", r.xack("st", "g", first), 1)
equal("xlen", r.xlen("st"), 2)
equal("xinfo", r.xinfo_groups("st")[0]["name"], "g")
equal("geoadd", r.geoadd("geo", [13.361389, 38.115556, "Palermo"]), 1)
equal("geosearch", r.geosearch("geo", longitude=13, latitude=38, radius=100, unit="km"), ["Palermo"])
equal("pfadd", (r.pfadd("hll", "a", "b"), r.pfcount("hll")), (1, 2))
equal("bits", (r.setbit("bits", 3, 1), r.bitcount("bits")), (0, 1))

# Scripts: by hash, and one that the server has lost; a lock made of them.
cad = r.register_script("if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end")
r.set("lock", "mine")
equal("script", (cad(keys=["lock"], args=["yours"]), cad(keys=["lock"], args=["mine"])), (0, 1))
r.script_flush()
equal("script again", cad(keys=["lock"], args=["x"]), 0)
equal("eval", r.eval("return {1, 'two', {3}}", 0), [1, "two", [3]])
with r.lock("named", timeout=5) as lock:
    equal("lock", lock.owned(), True)

# A pipeline of many, without MULTI, with an error at its end.
with r.pipeline(transaction=False) as p:
    for i in range(2000):
        p.set(f"many:{i}", i)
    p.incr("list")
    got = p.execute(raise_on_error=False)
    equal("many", (got[:2000] == [True] * 2000, isinstance(got[2000], redis.ResponseError)), (True, True))
r.delete(*[f"many:{i}" for i in range(2000)])

# Client-side caching: a second connection hears what the first one should forget.
hearer, tracker = redis.Redis(host, port, decode_responses=True, single_connection_client=True), redis.Connection(host, port)
own = hearer.client_id()
sub = hearer.pubsub()
sub.subscribe("__redis__:invalidate")
equal("hears", sub.get_message(timeout=5)["type"], "subscribe")
target = [c["id"] for c in r.client_list(_type="pubsub")][-1]
tracker.connect()
for command in (("CLIENT", "TRACKING", "ON", "REDIRECT", target), ("GET", "n")):
    tracker.send_command(*command)
    tracker.read_response()
r.set("n", "new")
equal("invalidated", sub.get_message(timeout=5)["data"], ["n"])
tracker.disconnect()
sub.close()
r.delete("list", "z", "u", "st", "geo", "hll", "bits")

# Messages, also by pattern.
by_pattern = r.pubsub()
by_pattern.psubscribe("news.*")
equal("psubscribe", by_pattern.get_message(timeout=5)["type"], "psubscribe")
equal("publish to a pattern", r.publish("news.sport", "goal"), 1)
equal("pmessage", by_pattern.get_message(timeout=5)["data"], "goal")
by_pattern.close()
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
