// Connects node-redis with its defaults and runs basic commands.
// Usage: node_redis.js HOST PORT
'use strict';
const assert = require('assert');
const redis = require('redis');

const url = `redis://${process.argv[2]}:${process.argv[3]}`;

async function main() {
  const c = redis.createClient({ url });
  c.on('error', (e) => { throw e; });
  await c.connect();
  assert.strictEqual(await c.ping(), 'PONG');
  await c.flushDb();

  // Strings and counters.
  assert.strictEqual(await c.set('s', 'v'), 'OK');
  assert.strictEqual(await c.get('s'), 'v');
  assert.strictEqual(await c.get('missing'), null);
  assert.strictEqual(await c.set('s', 'w', { NX: true }), null);
  assert.strictEqual(await c.set('s', 'w', { EX: 100, GET: true }), 'v');
  assert.strictEqual(await c.incrBy('n', 41), 41);
  assert.strictEqual(await c.decr('n'), 40);
  assert.strictEqual(await c.incrByFloat('f', 1.5), '1.5');
  assert.strictEqual(await c.mSet({ a: '1', b: '2' }), 'OK');
  assert.deepStrictEqual(await c.mGet(['a', 'b', 'missing']), ['1', '2', null]);
  await assert.rejects(c.incr('s'), /value is not an integer or out of range/);

  // Hashes and sets.
  assert.strictEqual(await c.hSet('h', { f: '1', g: '2' }), 2);
  assert.deepStrictEqual({ ...(await c.hGetAll('h')) }, { f: '1', g: '2' });
  assert.strictEqual(await c.hIncrBy('h', 'f', 4), 5);
  assert.strictEqual(await c.hDel('h', 'g'), 1);
  assert.strictEqual(await c.sAdd('set', ['x', 'y', 'z']), 3);
  assert.deepStrictEqual((await c.sMembers('set')).sort(), ['x', 'y', 'z']);
  assert.strictEqual(await c.sIsMember('set', 'x'), true);
  assert.strictEqual(await c.sRem('set', 'x'), 1);

  // Keys and expiry.
  const ttl = await c.ttl('s');
  assert.ok(ttl > 90 && ttl <= 100, `ttl ${ttl}`);
  assert.strictEqual(await c.persist('s'), true);
  assert.strictEqual(await c.type('h'), 'hash');
  const keys = [];
  for await (const key of c.scanIterator()) keys.push(key);
  assert.deepStrictEqual(keys.sort(), ['a', 'b', 'f', 'h', 'n', 's', 'set']);
  assert.strictEqual(await c.del(['a', 'b', 'missing']), 2);
  assert.strictEqual(await c.exists(['s', 'a']), 1);
  assert.strictEqual(await c.dbSize(), 5);

  // Transactions and WATCH.
  assert.deepStrictEqual(await c.multi().incr('n').get('n').exec(), [41, '41']);
  const watching = c.duplicate();
  await watching.connect();
  await watching.watch('n');
  await c.set('n', 'changed');
  await assert.rejects(watching.multi().set('n', 'lost').exec(), redis.WatchError);
  await watching.quit();

  // Lists, sorted sets, streams with groups, scripts.
  assert.strictEqual(await c.rPush('list', ['a', 'b', 'c']), 3);
  assert.deepStrictEqual(await c.lRange('list', 0, -1), ['a', 'b', 'c']);
  assert.strictEqual(await c.lMove('list', 'list2', 'LEFT', 'RIGHT'), 'a');
  assert.strictEqual(await c.lPop('list2'), 'a');
  assert.strictEqual(await c.zAdd('z', [{ score: 1, value: 'one' }, { score: 2, value: 'two' }]), 2);
  assert.strictEqual(await c.zIncrBy('z', 2.5, 'one'), 3.5);
  assert.deepStrictEqual(await c.zRangeWithScores('z', 0, -1), [{ value: 'two', score: 2 }, { value: 'one', score: 3.5 }]);
  assert.strictEqual(await c.zRank('z', 'one'), 1);
  const id = await c.xAdd('st', '*', { f: '1' });
  assert.strictEqual(await c.xGroupCreate('st', 'g', '0'), 'OK');
  const read = await c.xReadGroup('g', 'me', { key: 'st', id: '>' }, { COUNT: 1 });
  assert.deepStrictEqual(read[0].messages.map((m) => [m.id, { ...m.message }]), [[id, { f: '1' }]]);
  assert.strictEqual(await c.xAck('st', 'g', id), 1);
  assert.strictEqual((await c.xPending('st', 'g')).pending, 0);
  assert.deepStrictEqual(await c.eval('return {KEYS[1], ARGV[1], 3}', { keys: ['k'], arguments: ['v'] }), ['k', 'v', 3]);
  const sha = await c.scriptLoad('return redis.call("llen", KEYS[1])');
  assert.strictEqual(await c.evalSha(sha, { keys: ['list'] }), 2);
  await assert.rejects(c.evalSha('0'.repeat(40)), /NOSCRIPT/);

  // Pipelined by the client, and a blocking command on a connection of its own.
  const many = await Promise.all(Array.from({ length: 1000 }, (_, i) => c.incr('many')));
  assert.strictEqual(many[999], 1000);
  const blocked = c.duplicate();
  await blocked.connect();
  const popped = blocked.blPop('later', 5);
  await new Promise((resolve) => setTimeout(resolve, 50));
  await c.rPush('later', 'now');
  assert.deepStrictEqual({ ...(await popped) }, { key: 'later', element: 'now' });
  await blocked.quit();
  await c.del(['list', 'z', 'st', 'many']);

  // Messages.
  const sub = c.duplicate();
  await sub.connect();
  const got = new Promise((resolve) => sub.subscribe('ch', (message) => resolve(message)));
  while ((await c.publish('ch', 'hello')) === 0);
  assert.strictEqual(await got, 'hello');
  await sub.unsubscribe('ch');
  const matched = new Promise((resolve) => sub.pSubscribe('news.*', (message, channel) => resolve([channel, message])));
  while ((await c.publish('news.sport', 'goal')) === 0);
  assert.deepStrictEqual(await matched, ['news.sport', 'goal']);
  await sub.quit();

  // Another logical database, administration.
  const other = redis.createClient({ url, database: 3 });
  await other.connect();
  await other.set('there', '1');
  assert.strictEqual(await other.dbSize(), 1);
  assert.strictEqual(await c.exists('there'), 0);
  await other.flushDb();
  await other.quit();
  assert.match(await c.info('server'), /redis_version:/);
  assert.ok((await c.configGet('appendfsync')).appendfsync);
  assert.ok((await c.commandCount()) > 50);
  await c.quit();
  console.log('node-redis', require('redis/package.json').version, 'ok');
}

main().catch((e) => { console.error(e); process.exit(1); });
