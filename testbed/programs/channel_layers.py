"""Both layers of Django Channels: messages to a channel, to a group, to one who waits."""
import asyncio
import os

from channels_redis.core import RedisChannelLayer
from channels_redis.pubsub import RedisPubSubChannelLayer

url = f"redis://127.0.0.1:{os.environ['PORT']}/0"


async def talk(layer):
    a, b = await layer.new_channel(), await layer.new_channel()

    async def got(channel):
        return await asyncio.wait_for(layer.receive(channel), 10)

    await layer.send(a, {"type": "one", "n": 1})
    print(await got(a))
    await layer.group_add("group", a)
    await layer.group_add("group", b)
    await layer.group_send("group", {"type": "both", "n": 2})
    print(await got(a), await got(b))
    await layer.group_discard("group", a)
    await layer.group_send("group", {"type": "left", "n": 3})
    print(await got(b))
    waiting = asyncio.ensure_future(layer.receive(a))
    await asyncio.sleep(0.3)
    await layer.send(a, {"type": "late"})
    print(await asyncio.wait_for(waiting, 10))
    await layer.flush()


for kind in RedisChannelLayer, RedisPubSubChannelLayer:
    asyncio.run(talk(kind(hosts=[url])))
