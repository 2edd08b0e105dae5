import { once } from 'node:events';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Position } from '../../src/contracts.ts';
import { S3Options } from '../../src/ingest/s3/options.ts';
import { createS3Source } from '../../src/ingest/s3/source.ts';
import { temporaryFolder } from '../cli/run.ts';
import { pretendCredentials } from '../integration/rigs/moto.ts';

const HOUR = 3_600_000;

afterEach(() => vi.useRealTimers());

/** Objects by key, with the Unix milliseconds they were written at. */
type Objects = Readonly<Record<string, number>>;

/** Whether a key, or a listing, which has none, is refused. */
type Refuse = (key: string | undefined) => boolean;

/** Answers as S3 does, with the times that no real bucket would let us choose. */
async function startBucket(objects: Objects, refuse: Refuse) {
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://127.0.0.1');
    const isListing = searchParams.get('list-type') === '2';
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

/** Reads until the source has caught up: the keys it read, and what it remembers then. */
async function read(
  objects: Objects,
  before: ReadonlyMap<string, Position>,
  refuse: Refuse = () => false,
  { scratch = temporaryFolder(), isEnough = (): boolean => true, warn = (_seconds: unknown) => {} } = {},
) {
  pretendCredentials();
  const server = await startBucket(objects, refuse);
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const options = S3Options.parse({ type: 's3', name: 's', region: 'us-east-1', bucket: 'bucket', endpoint });
  const stop = new AbortController();
  const positions = new Map(before);
  const keys: string[] = [];
  const source = await createS3Source(
    options,
    { instance: 'x', scratch, positions: before, ids: new Map() },
    {
      lanes: () => {},
      caughtUp() {
        if (isEnough()) stop.abort();
      },
      flush: () => {},
      forget: (partitions) => {
        for (const partition of partitions) positions.delete(partition);
      },
      lost: () => {},
      log: (_level, _message, details) => warn(details?.seconds),
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
  return { keys, positions };
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

  it('is asked for after twice the time each time, up to five minutes', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    const waits: unknown[] = [];
    const warn = (seconds: unknown) => {
      waits.push(seconds);
      setImmediate(() => vi.advanceTimersByTime(Number(seconds) * 1000));
    };
    let isGiven = false;
    const refuse = (key: string | undefined) => {
      isGiven ||= key === 'denied' && waits.length === 8;
      return key === 'denied' && !isGiven;
    };
    const before = new Map([['bucket/denied@e', { next: 0, done: false }]]);
    const { keys } = await read({}, before, refuse, { isEnough: () => isGiven, warn });
    expect(waits).toEqual([5, 10, 20, 40, 80, 160, 300, 300]);
    expect(keys).toEqual(['denied']);
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
