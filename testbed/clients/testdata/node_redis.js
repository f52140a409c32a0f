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

  // Messages.
  const sub = c.duplicate();
  await sub.connect();
  const got = new Promise((resolve) => sub.subscribe('ch', (message) => resolve(message)));
  while ((await c.publish('ch', 'hello')) === 0);
  assert.strictEqual(await got, 'hello');
  await sub.unsubscribe('ch');
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
