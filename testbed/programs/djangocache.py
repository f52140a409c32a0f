"""django-redis as Django's cache."""
import os

import django
from django.conf import settings

settings.configure(CACHES={"default": {
    "BACKEND": "django_redis.cache.RedisCache",
    "LOCATION": f"redis://127.0.0.1:{os.environ['PORT']}/0",
    "OPTIONS": {"CLIENT_CLASS": "django_redis.client.DefaultClient"},
}})
django.setup()
from django.core.cache import cache  # noqa: E402

print(cache.clear(), cache.set("a", 1), cache.add("a", 2), cache.get("a"), cache.incr("a", 5), cache.get_many(["a", "b"]))
print(cache.set_many({"x": 1, "y": [1, 2]}), cache.touch("x", 100), cache.get_or_set("z", lambda: 9, 30), cache.delete("z"), "x" in cache)
print(cache.ttl("a"), sorted(cache.keys("*")), list(cache.iter_keys("a*")), cache.persist("x"), cache.expire("y", 3), cache.ttl("y"))
print(cache.delete_many(["x", "y"]), cache.set("n", 1, nx=True), cache.set("n", 2, nx=True), cache.incr_version("n"), cache.get("n", version=2))
with cache.lock("lock", timeout=5):
    print(cache.keys("*lock*"), cache.lock("lock", timeout=5).acquire(blocking=False))
print(cache.keys("*lock*"), cache.delete_pattern("*"), cache.keys("*"))
