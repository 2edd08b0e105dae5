import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { FirehoseOptions } from '../../src/ingest/firehose/options.ts';
import { SourceOptions } from '../../src/ingest/options.ts';
import { createSource } from '../../src/reader/sources.ts';
import { until } from '../serve/support.ts';
import { bodyOf, Durable, KEY, openFirehose, SENT_AT, send } from './firehose-support.ts';

const running: { end(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of running.splice(0)) await one.end();
});

async function open(...[durable = new Durable(), input]: Partial<Parameters<typeof openFirehose>>) {
  const one = await openFirehose(durable, input);
  running.push(one);
  return Object.assign(one, { durable });
}

describe('a request of Firehose', () => {
  it('is answered only when its records are durable, in the form Firehose asks for', async () => {
    const { send, take, checkpoint, durable } = await open();
    let answered = false;
    const answer = send('r-1', ['one', 'two\n']).finally(() => {
      answered = true;
    });
    const delivery = await take();
    expect(delivery).toMatchObject({
      partition: 'requests',
      lane: 'requests',
      from: 0,
      to: 1,
      last: false,
      availableAt: SENT_AT,
    });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(answered).toBe(false);
    await checkpoint(delivery);
    const { status, body } = await answer;
    expect([status, body]).toEqual([200, { requestId: 'r-1', timestamp: expect.any(Number) }]);
    expect(durable.records).toEqual(['one', 'two\n']);
  });

  it('may be gzipped, and carry attributes of 64 KB', async () => {
    const { send, take, checkpoint, durable } = await open();
    const answer = send('r-1', [], {
      body: new Uint8Array(gzipSync(bodyOf('r-1', ['a', 'b']))),
      headers: {
        'content-encoding': 'gzip',
        'x-amz-firehose-common-attributes': JSON.stringify({ commonAttributes: { a: 'x'.repeat(64_000) } }),
      },
    });
    await checkpoint(await take());
    expect((await answer).status).toBe(200);
    expect(durable.records).toEqual(['a', 'b']);
  });

  it('is answered by the checkpoint that covers it, not by an earlier one', async () => {
    const { send, take, checkpoint } = await open();
    const first = send('r-1', ['a']);
    const one = await take();
    let answered = false;
    const second = send('r-2', ['b']).finally(() => {
      answered = true;
    });
    const two = await take();
    await checkpoint(one);
    expect((await first).status).toBe(200);
    expect(answered).toBe(false);
    await checkpoint(two);
    expect((await second).status).toBe(200);
  });

  it('without records is durable at once too', async () => {
    const { send, take, checkpoint } = await open();
    const answer = send('r-1', []);
    await checkpoint(await take());
    expect((await answer).status).toBe(200);
  });
});

describe('a request that comes again', () => {
  it('is answered at once when it is durable, and its records count as duplicates', async () => {
    const { send, take, checkpoint, durable } = await open();
    const first = send('r-1', ['a', 'b']);
    await checkpoint(await take());
    await first;
    expect((await send('r-1', ['a', 'b'])).status).toBe(200);
    const delivery = await take();
    expect(delivery).toMatchObject({ duplicates: 2, content: { messages: [] } });
    await checkpoint(delivery);
    expect(durable.records).toEqual(['a', 'b']);
    expect(durable.duplicates).toBe(2);
  });

  it('waits with the one that is there', async () => {
    const { send, take, checkpoint, durable } = await open();
    const first = send('r-1', ['a']);
    const delivery = await take();
    const again = send('r-1', ['a']);
    const other = await take();
    expect(other).toMatchObject({ duplicates: 1, content: { messages: [] } });
    await checkpoint(delivery, other);
    expect([(await first).status, (await again).status]).toEqual([200, 200]);
    expect(durable.records).toEqual(['a']);
  });

  it('is known after a restart, and offsets go on', async () => {
    const durable = new Durable();
    const before = await openFirehose(durable);
    const first = before.send('r-1', ['a']);
    await before.checkpoint(await before.take());
    await first;
    await before.end();
    const { send, take } = await open(durable);
    expect((await send('r-1', ['a'])).status).toBe(200);
    expect(await take()).toMatchObject({ from: 1, to: 2, duplicates: 1 });
  });

  it('is new when it was delivered and never became durable', async () => {
    const durable = new Durable();
    const before = await openFirehose(durable);
    const lost = before.send('r-1', ['a']);
    await before.take();
    await before.end();
    expect((await lost).status).toBe(503);
    const { send, take, checkpoint } = await open(durable);
    const again = send('r-1', ['a']);
    await checkpoint(await take());
    expect((await again).status).toBe(200);
    expect([durable.records, durable.duplicates]).toEqual([['a'], 0]);
  });

  it('is there exactly once after crashes at any moment', async () => {
    const durable = new Durable();
    const ids = Array.from({ length: 30 }, (_, i) => `r-${i}`);
    const answered = new Set<string>();
    let current = await openFirehose(durable);
    const port = Number(new URL(current.url).port);
    const sent = ids.map(async (id) => {
      while (!answered.has(id)) {
        const { status } = await send(current.url, id, [id]).catch(() => ({ status: 0 }));
        if (status === 200) answered.add(id);
        else await new Promise((resolve) => setTimeout(resolve, 1));
      }
    });
    // Life after life takes a few, commits some of them, answers some of those, and is gone.
    for (let life = 0; life < 12; life++) {
      const taken = [await current.take(), await current.take()];
      const covered = durable.commit(taken.slice(0, life % 3));
      if (life % 2 === 0) await current.source.acknowledge?.(covered);
      await current.source.close();
      current = await openFirehose(durable, { port });
    }
    running.push(current);
    current.pump();
    await Promise.all(sent);
    expect([...durable.records].sort()).toEqual([...ids].sort());
  });
});

describe('back pressure', () => {
  it.each([
    ['requests', { maxWaitingRequests: 2 }, 'a'],
    ['bytes', { maxWaitingBytes: 2500, maxBodyBytes: 2000 }, 'a'.repeat(1000)],
  ])('refuses what is too much by %s, so that it comes again', async (_, limits, record) => {
    const { send, pump, logged, told, durable } = await open(new Durable(), limits);
    let refused = 0;
    const answers = Array.from({ length: 10 }, async (__, i) => {
      const { status } = await send(`r-${i}`, [record]);
      if (status === 503) refused++;
      return status;
    });
    // At most two find room while nothing is taken.
    await until(() => refused >= 8, 'the room is full');
    pump();
    const statuses = await Promise.all(answers);
    expect(new Set(statuses)).toEqual(new Set([200, 503]));
    expect(durable.records).toHaveLength(10 - refused);
    expect(logged.filter(({ message }) => message.startsWith('too many Firehose requests'))).toHaveLength(1);
    expect(told).toContain('caught up requests');
  });

  it('takes everything in the end, whatever was refused meanwhile', async () => {
    const { send, pump, durable } = await open(new Durable(), { maxWaitingRequests: 3 });
    const ids = Array.from({ length: 40 }, (_, i) => `r-${i}`);
    let refused = 0;
    const sent = ids.map(async (id) => {
      while ((await send(id, [id])).status !== 200) refused++;
    });
    await until(() => refused > 0, 'the room is full');
    pump();
    await Promise.all(sent);
    expect([...durable.records].sort()).toEqual([...ids].sort());
  });
});

describe('stopping', () => {
  it('answers what becomes durable, refuses the rest, and ends', async () => {
    const { send, take, checkpoint, abort, ended, source } = await open();
    const delivered = send('r-1', ['a']);
    const delivery = await take();
    const queued = send('r-2', ['b']);
    abort.abort();
    expect(await ended()).toBe(true);
    expect((await queued).status).toBe(503);
    expect((await send('r-3', ['c'])).status).toBe(503);
    await checkpoint(delivery);
    expect((await delivered).status).toBe(200);
    await source.close();
    await expect(send('r-4', ['d'])).rejects.toThrow();
  });

  it('leaves the port to the next one', async () => {
    const first = await openFirehose(new Durable());
    const port = Number(new URL(first.url).port);
    const answer = first.send('r-1', ['a']);
    await first.take();
    await first.source.close();
    expect((await answer).status).toBe(503);
    const second = await open(new Durable(), { port });
    expect(second.url).toBe(first.url);
  });
});

describe('what cannot be used', () => {
  it.each([
    ['a wrong key', { headers: { 'x-amz-firehose-access-key': `${KEY}x` } }, 401],
    ['no key', { headers: { 'x-amz-firehose-access-key': '' } }, 401],
    ['no usable id', { headers: { 'x-amz-firehose-request-id': 'a b' } }, 400],
    ['another id in the body', { body: bodyOf('r-2', ['a']) }, 400],
    ['no JSON', { body: 'text' }, 400],
    ['no records', { body: '{"requestId":"r-1"}' }, 400],
    ['records without data', { body: '{"requestId":"r-1","records":[{}]}' }, 400],
    ['data that is not base64', { body: '{"requestId":"r-1","records":[{"data":"a b"}]}' }, 400],
    ['too many records', { body: `{"records":[${new Array(10_001).fill('{"data":""}').join()}]}` }, 413],
    ['another coding', { headers: { 'content-encoding': 'br' } }, 415],
    ['no gzip', { headers: { 'content-encoding': 'gzip' } }, 400],
    ['a body that is too large', { body: 'a'.repeat(300_000) }, 413],
    [
      'a body that is too large unzipped',
      {
        body: new Uint8Array(gzipSync(bodyOf('r-1', ['a'.repeat(1_000_000)]))),
        headers: { 'content-encoding': 'gzip' },
      },
      413,
    ],
  ])('is refused: %s', async (_, sending, status) => {
    const { send, take, checkpoint, logged, durable } = await open(new Durable(), { maxBodyBytes: 200_000 });
    expect((await send('r-1', ['a'], sending)).status).toBe(status);
    expect(logged.filter(({ level }) => level === 'warn')).toHaveLength(1);
    expect(JSON.stringify(logged)).not.toContain(KEY);
    // Nothing of it is left behind.
    const good = send('r-1', ['good']);
    await checkpoint(await take());
    expect((await good).status).toBe(200);
    expect(durable.records).toEqual(['good']);
  });

  it('is refused elsewhere and by other methods', async () => {
    const { url } = await open();
    const headers = { 'x-amz-firehose-access-key': KEY };
    expect((await fetch(url, { headers })).status).toBe(405);
    expect((await fetch(`${url}/x`, { method: 'POST', headers })).status).toBe(404);
  });
});

describe('the reading thread', () => {
  it('makes the source by its type', async () => {
    process.env.FLOWSENTRY_TEST_KEY = KEY;
    const options = SourceOptions.parse({
      type: 'firehose',
      name: 'f',
      port: 0,
      accessKey: { env: 'FLOWSENTRY_TEST_KEY' },
    });
    const logged: Readonly<Record<string, unknown>>[] = [];
    const source = await createSource(options, new Durable().resume, {
      lanes: () => {},
      caughtUp: () => {},
      flush: () => {},
      forget: () => {},
      lost: () => {},
      log: (_, __, details = {}) => logged.push(details),
    });
    const answer = send(`${logged[0]?.url}/firehose`, 'r-1', ['a']);
    for await (const delivery of source.deliveries(new AbortController().signal)) {
      await source.acknowledge?.(new Durable().commit([delivery]));
      break;
    }
    expect((await answer).status).toBe(200);
    await source.close();
  });
});

describe('its options', () => {
  const good = { type: 'firehose', name: 'f', accessKey: { env: 'KEY' } };
  const tls = { certificate: 'c', key: 'k' };

  it.each([
    { host: '0.0.0.0', tls },
    { host: '::1' },
    { host: 'localhost' },
    { accessKey: { file: '/run/secrets/key' } },
  ])('take %j', (input) => {
    expect(FirehoseOptions.safeParse({ ...good, ...input }).error?.issues).toBeUndefined();
  });

  it.each([
    [{ host: '0.0.0.0' }, 'tls'],
    [{ host: 'example.org', tls }, 'host'],
    [{ accessKey: 'a key that everybody reads' }, 'accessKey'],
    [{ path: 'firehose' }, 'path'],
    [{ maxBodyBytes: 2000, maxWaitingBytes: 1999 }, 'maxWaitingBytes'],
  ])('refuse %j', (input, path) => {
    const { error } = FirehoseOptions.safeParse({ ...good, ...input });
    expect(error?.issues.map((issue) => issue.path.join('.'))).toEqual([path]);
  });

  it('name a key that is there', async () => {
    await expect(openFirehose(new Durable(), { accessKey: { env: 'FLOWSENTRY_NO_SUCH' } })).rejects.toThrow(
      'cannot read the access key: the variable FLOWSENTRY_NO_SUCH holds none',
    );
    await expect(openFirehose(new Durable(), { accessKey: { file: '/no/such' } })).rejects.toThrow(
      /cannot read the access key: ENOENT/,
    );
  });
});
