"""The rate limiters of limits, which are scripts in Lua."""
import os
import time

from limits import parse, storage, strategies

store = storage.storage_from_string(f"redis://127.0.0.1:{os.environ['PORT']}")
five = parse("5/2second")
kinds = strategies.FixedWindowRateLimiter, strategies.MovingWindowRateLimiter, strategies.FixedWindowElasticExpiryRateLimiter
for kind in kinds:
    limiter = kind(store)
    who = ("someone", kind.__name__)
    print(kind.__name__, [limiter.hit(five, *who) for _ in range(8)], limiter.get_window_stats(five, *who)[1])
    time.sleep(2.5)
    print(limiter.test(five, *who), limiter.hit(five, *who, cost=5), limiter.hit(five, *who))
    limiter.clear(five, *who)
print(store.check(), store.reset())
