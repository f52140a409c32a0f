# redis-rb, redis-namespace, redis-store and rollout.
require "redis"
require "redis-namespace"
require "redis-store"
require "rollout"

port = ENV["PORT"].to_i
redis = Redis.new(port: port)
spaced = Redis::Namespace.new(:ns, redis: redis)
spaced.set("a", 1)
p spaced.mset("b", 2, "c", 3), spaced.mget("a", "b"), spaced.keys.sort, spaced.scan_each.to_a.sort
p spaced.multi { |multi| multi.incr("a"); multi.lpush("l", 1) }, spaced.rename("a", "z"), spaced.sort("l")
p spaced.eval("return {KEYS[1], ARGV[1]}", ["k"], ["v"])

store = Redis::Store.new(port: port)
p store.set("o", {a: 1}, expires_in: 10), store.get("o"), store.ttl("o"), store.setnx("o", 2)

rollout = Rollout.new(redis)
rollout.activate_percentage(:chat, 20)
rollout.activate_user(:chat, "someone")
p rollout.active?(:chat, "someone"), rollout.get(:chat).to_hash, rollout.features

p redis.pipelined { |pipe| pipe.set("x", 1); pipe.incr("x"); pipe.hset("h", "a", 1); pipe.hgetall("h") }
p redis.watch("x") { redis.multi { |multi| multi.incr("x") } }
p redis.watch("x") { Redis.new(port: port).incr("x"); redis.multi { |multi| multi.incr("x") } }
Thread.new { sleep 0.3; Redis.new(port: port).publish("channel", "message") }
redis.subscribe("channel") { |on| on.message { |*message| p message; redis.unsubscribe } }
p redis.zadd("z", [[1, "a"], [2, "b"]]), redis.zrange("z", 0, -1, with_scores: true)
p redis.xadd("s", {a: 1}, id: "1-1"), redis.xrange("s"), redis.blpop("none", timeout: 1)
p redis.geoadd("g", 13.3, 38.1, "P"), redis.geopos("g", "P"), redis.bitfield("bits", "incrby", "u8", 0, 3)
begin
  redis.lpush("x", 1)
rescue Redis::CommandError => error
  p error.message
end
