import { once } from 'node:events';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Position, SourceLoss } from '../../src/contracts.ts';
import { S3Options } from '../../src/ingest/s3/options.ts';
import { createS3Source } from '../../src/ingest/s3/source.ts';
import { temporaryFolder } from '../cli/run.ts';
import { pretendCredentials } from '../integration/rigs/moto.ts';
import { messageOf } from './s3-support.ts';

const HOUR = 3_600_000;

afterEach(() => vi.useRealTimers());

/** Objects by key, with the Unix milliseconds they were written at. */
type Objects = Readonly<Record<string, number>>;

/** Whether a key, or a listing, which has none, is refused. */
type Refuse = (key: string | undefined) => boolean;

/**
 * Answers as S3 does, with the times that no real bucket would let us choose, and as SQS, whose queue tells once of each object. `requests` has
 * what was asked for: a key, `LIST`, or what SQS shall do.
 */
async function startBucket(objects: Objects, refuse: Refuse, requests: string[]) {
  const messages = Object.keys(objects).map((key) => messageOf(key, 'e'));
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://127.0.0.1');
    const isListing = searchParams.get('list-type') === '2';
    const action = request.headers['x-amz-target']?.slice('AmazonSQS.'.length);
    requests.push(String(action ?? (isListing ? 'LIST' : pathname.slice('/bucket/'.length))));
    if (action !== undefined) {
      response.writeHead(200, { 'content-type': 'application/x-amz-json-1.0' });
      return response.end(
        JSON.stringify(action === 'ReceiveMessage' ? { Messages: messages.splice(0) } : {}),
      );
    }
    if (refuse(isListing ? undefined : pathname.slice('/bucket/'.length))) {
      response.writeHead(403);
      return response.end('<Error><Code>AccessDenied</Code></Error>');
    }
    if (!isListing) return response.end('-\n');
    const contents = Object.entries(objects).map(
      ([key, modified]) =>
        `<Contents><Key>${key}</Key><LastModified>${new Date(modified).toISOString()}</LastModified><ETag>"e"</ETag><Size>2</Size></Contents>`,
    );
    return response.end(
      `<ListBucketResult><IsTruncated>false</IsTruncated>${contents.join('')}</ListBucketResult>`,
    );
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return server;
}

/** Reads until the source has caught up: the keys it read, what it remembers then, what it asked for, told and lost. */
async function read(
  objects: Objects,
  before: ReadonlyMap<string, Position>,
  refuse: Refuse = () => false,
  {
    scratch = temporaryFolder(),
    isEnough = (_requests: readonly string[]): boolean => true,
    prefix = '',
    hasQueue = false,
  } = {},
) {
  pretendCredentials();
  const requests: string[] = [];
  const told: string[] = [];
  const lost: SourceLoss[] = [];
  const server = await startBucket(objects, refuse, requests);
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const options = S3Options.parse({
    ...{ type: 's3', name: 's', region: 'us-east-1', bucket: 'bucket', endpoint, prefix },
    queue: hasQueue ? `${endpoint}/1/q` : undefined,
  });
  const stop = new AbortController();
  const positions = new Map(before);
  const keys: string[] = [];
  const source = await createS3Source(
    options,
    { instance: 'x', scratch, positions: before, ids: new Map() },
    {
      lanes: () => {},
      caughtUp() {
        if (isEnough(requests)) stop.abort();
      },
      flush: () => {},
      forget: (partitions) => {
        for (const partition of partitions) positions.delete(partition);
      },
      lost: (loss) => lost.push(loss),
      log: (_level, message) => told.push(message),
    },
  );
  try {
    for await (const { partition, from, to, last, note } of source.deliveries(stop.signal)) {
      if (last) keys.push(partition.slice('bucket/'.length, -'@e'.length));
      const next = to ?? from + 1;
      positions.set(partition, { next, done: last, note });
      await source.acknowledge?.([{ partition, from, next, done: last, floor: next }]);
    }
  } finally {
    await source.close();
    server.close();
    server.closeAllConnections();
  }
  return { keys, positions, requests, told, lost };
}

const doneAt = (objects: Objects): Map<string, Position> =>
  new Map(
    Object.entries(objects).map(([key, modified]) => [
      `bucket/${key}@e`,
      { next: 1, done: true, note: String(modified) },
    ]),
  );

describe('files on their way', () => {
  it('go with the source, and those of a killed one with the next', async () => {
    const scratch = temporaryFolder();
    const left = join(scratch, 's', '0');
    mkdirSync(dirname(left));
    writeFileSync(left, 'half');
    let seen: string[] = [];
    const look = (key: string | undefined) => {
      if (key !== undefined) seen = readdirSync(dirname(left));
      return false;
    };
    expect((await read({ key: Date.now() }, new Map(), look, { scratch })).keys).toEqual(['key']);
    expect(seen).toEqual(['0']);
    expect(readdirSync(scratch)).toEqual([]);
  });
});

describe('an object that is refused', () => {
  it('is asked for after a restart, when no listing shows it any more, and moves no other out of what listings show', async () => {
    const now = Date.now();
    const objects = { first: now - 20 * HOUR, denied: now - 10 * HOUR };
    const { keys, positions } = await read(objects, new Map(), (key) => key === 'denied');
    expect(keys).toEqual(['first']);
    const later = { ...objects, missed: now - 30 * HOUR, newer: now + 60 * HOUR };
    expect((await read(later, positions)).keys.sort()).toEqual(['denied', 'missed', 'newer']);
    const known = new Map([...positions, ...doneAt({ newer: now + 60 * HOUR })]);
    expect((await read({}, known)).keys).toEqual(['denied']);
  });

  const refusedBefore = (count: number, note = '0'): Map<string, Position> =>
    new Map(
      Array.from({ length: count }, (_, i) => [`bucket/CloudTrail/${i}@e`, { next: 0, done: false, note }]),
    );
  const refuseTrail: Refuse = (key) => key?.startsWith('CloudTrail/') ?? false;
  const isOfTrail = (request: string): boolean => request.startsWith('CloudTrail/');

  it('holds up no new object and no message after a restart', async () => {
    const before = refusedBefore(500);
    const { keys, requests } = await read({ new: Date.now() }, before, refuseTrail, { hasQueue: true });
    expect(keys).toEqual(['new']);
    const others = ['new', 'LIST', 'ReceiveMessage'].map((request) => requests.indexOf(request));
    expect(Math.min(...others)).toBeGreaterThanOrEqual(0);
    expect(requests.slice(0, Math.max(...others)).filter(isOfTrail).length).toBeLessThan(10);
  });

  it('holds up none that was read in part', async () => {
    const before = new Map([
      ...refusedBefore(3),
      ['bucket/half@e', { next: 1, done: false, note: '0' }],
    ] as const);
    const { keys, requests } = await read({}, before, refuseTrail);
    expect(keys).toEqual(['half']);
    expect(requests.slice(0, requests.indexOf('half')).filter(isOfTrail).length).toBeLessThan(2);
  });

  it('is forgotten when it is outside of the prefix, and not asked for; one that was read in part is kept', async () => {
    const half = ['bucket/other/half@e', { next: 1, done: false, note: '0' }] as const;
    const elsewhere = ['bucket-before/AWSLogs/1@e', { next: 0, done: false, note: '0' }] as const;
    const mine = ['bucket/AWSLogs/1@e', { next: 0, done: false, note: '0' }] as const;
    const before = new Map([...refusedBefore(20), half, elsewhere, mine]);
    const { keys, positions, requests } = await read({}, before, refuseTrail, { prefix: 'AWSLogs/' });
    expect(keys).toEqual(['AWSLogs/1']);
    expect([...positions.keys()].sort()).toEqual(['bucket/AWSLogs/1@e', 'bucket/other/half@e']);
    expect([...new Set(requests)].sort()).toEqual(['AWSLogs/1', 'LIST']);
  });

  it('is told once for all of a minute', async () => {
    const objects = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`CloudTrail/${i}`, Date.now()]));
    const { positions, told, requests } = await read(objects, new Map(), refuseTrail);
    expect(positions.size).toBe(50);
    expect(requests.filter(isOfTrail).length).toBe(50);
    expect(told).toEqual(['objects cannot be read; they are asked for again']);
  });

  it('needs its message no more when its position is durable', async () => {
    const { requests, keys } = await read({ 'CloudTrail/1': Date.now() }, new Map(), refuseTrail, {
      hasQueue: true,
      isEnough: (asked) => asked.includes('DeleteMessageBatch'),
    });
    expect(keys).toEqual([]);
    expect(requests).toContain('DeleteMessageBatch');
  });

  it('is lost after 14 days, counted through restarts', async () => {
    const DAY = 24 * HOUR;
    const start = Date.now();
    vi.useFakeTimers({ toFake: ['Date'] });
    const first = await read({ 'CloudTrail/1': start - HOUR }, new Map(), refuseTrail);
    vi.setSystemTime(start + 13 * DAY);
    const second = await read({}, first.positions, refuseTrail);
    expect([...first.lost, ...second.lost]).toEqual([]);
    expect(second.positions).toEqual(first.positions);
    vi.setSystemTime(start + 15 * DAY);
    const third = await read({}, second.positions, refuseTrail);
    const partition = 'bucket/CloudTrail/1@e';
    expect(third.lost).toEqual([{ partition, from: 0, reason: 'it was refused for 14 days' }]);
    expect(third.positions.get(partition)).toEqual({ next: 0, done: true, note: String(start - HOUR) });
    expect((await read({}, third.positions, refuseTrail)).requests).toEqual(['LIST']);
  });
});

describe('the s3 source without a queue, away for longer than it looks back', () => {
  it('looks back a day from now when it knows nothing of the bucket', async () => {
    const now = Date.now();
    const { keys } = await read({ old: now - 25 * HOUR, new: now - 23 * HOUR }, new Map());
    expect(keys).toEqual(['new']);
  });

  it('reads what was written meanwhile, the oldest first', async () => {
    const now = Date.now();
    const known = { known: now - 60 * HOUR };
    const meanwhile = { late: now - 61 * HOUR, second: now - HOUR, first: now - 40 * HOUR };
    const { keys } = await read({ ...known, ...meanwhile, before: now - 90 * HOUR }, doneAt(known));
    expect(keys).toEqual(['late', 'first', 'second']);
  });

  it('reads what was written while listings were refused', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const start = Date.now();
    let listings = 0;
    const refuse = (key: string | undefined) => {
      if (key !== undefined) return false;
      vi.setSystemTime(start + 72 * HOUR);
      return ++listings === 1;
    };
    const { keys } = await read({ meanwhile: start + 10 * HOUR }, new Map(), refuse);
    expect(keys).toEqual(['meanwhile']);
  });

  it('reads nothing twice when nothing was written for long', async () => {
    const now = Date.now();
    const objects = { first: now - 58 * HOUR, last: now - 38 * HOUR };
    const { keys, positions } = await read(objects, doneAt(objects));
    expect(keys).toEqual([]);
    expect((await read(objects, positions)).keys).toEqual([]);
  });

  it('forgets what no listing can show again', async () => {
    const now = Date.now();
    const objects = { old: now - 60 * HOUR, last: now - 2 * HOUR };
    const { positions } = await read(objects, doneAt(objects));
    expect([...positions.keys()]).toEqual(['bucket/last@e']);
  });
});
