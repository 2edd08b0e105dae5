import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { Position } from '../../src/contracts.ts';
import { CloudWatchOptions } from '../../src/ingest/cloudwatch/options.ts';
import { createCloudWatchSource } from '../../src/ingest/cloudwatch/source.ts';
import { pretendCredentials } from '../integration/rigs/moto.ts';

/** Begin of what waits in every group: an hour that is over. */
const T = Date.now() - 3_600_000;

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** Seconds from {@link T} of the events of each page that waits in each group. */
type Pages = Readonly<Record<string, readonly (readonly number[])[]>>;

/** Answers as CloudWatch Logs does, page by page; a request that `refuse` says fails. Returns what was asked for. */
async function startLogs(all: Pages, refuse: (asked: string) => boolean) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      response.setHeader('content-type', 'application/x-amz-json-1.1');
      if (!String(request.headers['x-amz-target']).endsWith('.FilterLogEvents')) return response.end('{}');
      const { logGroupName: group, startTime, nextToken = '0' } = JSON.parse(body);
      const page = Number(nextToken);
      asked.push(`${group}${page}`);
      if (refuse(`${group}${page}`)) {
        response.statusCode = 400;
        return response.end(JSON.stringify({ __type: 'AccessDeniedException', message: 'no' }));
      }
      const pages = all[group] ?? [];
      const events = (pages[page] ?? [])
        .map((second) => ({
          eventId: `${group}${second}`,
          timestamp: T + second * 1000,
          message: `${group}${second}`,
        }))
        .filter(({ timestamp }) => timestamp >= startTime);
      return response.end(
        JSON.stringify({ events, nextToken: page + 1 < pages.length ? String(page + 1) : undefined }),
      );
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  closing.push(() => {
    server.close();
    server.closeAllConnections();
  });
  return { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

/** Reads groups that were read up to {@link T} until all have caught up; what came and was told, in order. */
async function read(all: Pages, refuse: (asked: string) => boolean = () => false) {
  pretendCredentials();
  const { endpoint, asked } = await startLogs(all, refuse);
  const logGroups = Object.keys(all);
  const options = CloudWatchOptions.parse({
    ...{ type: 'cloudwatch', name: 'c', region: 'us-east-1', endpoint, logGroups, interval: 1 },
    format: 'version',
  });
  const positions = new Map(logGroups.map((name): [string, Position] => [name, { next: T, done: false }]));
  const stop = new AbortController();
  const behind = new Set(logGroups);
  const seen: string[] = [];
  const source = await createCloudWatchSource(
    options,
    { instance: 'x', scratch: '', positions, ids: new Map() },
    {
      lanes() {},
      caughtUp(lane) {
        if (behind.delete(lane)) seen.push(`${lane} caught up`);
        if (behind.size === 0) stop.abort();
      },
      flush() {},
      forget() {},
      lost() {},
      log: (_level, _message, details) => seen.push(String(details?.error)),
    },
  );
  for await (const { partition, from, to = 0, content } of source.deliveries(stop.signal)) {
    expect(from).toBe(positions.get(partition)?.next);
    positions.set(partition, { next: to, done: false });
    if (content.kind === 'messages')
      seen.push(...content.messages.map((message) => Buffer.from(message).toString().trim()));
  }
  await source.close();
  return { seen, asked };
}

describe('log groups', () => {
  it('advance together in event time, page by page, however much waits in one', async () => {
    const { seen } = await read({ a: [[10], [20], [30], [40], [50]], b: [[25], [45]], c: [] });
    // That there is no more of one is seen when its turn comes.
    expect(seen).toEqual([
      ...['a10', 'b25', 'c caught up', 'a20', 'a30', 'b45', 'a40', 'a50', 'b caught up', 'a caught up'],
    ]);
  });

  it('that are silent are looked at again when the others are as far', async () => {
    const pages = Array.from({ length: 8 }, (_, i) => [10 * (i + 1)]);
    const { asked } = await read({ a: pages, b: [], c: [] });
    // The interval was over long before: there are so many milliseconds between two requests.
    expect(asked).toEqual(['a0', 'b0', 'c0', ...pages.slice(1).map((_, i) => `a${i + 1}`)]);
  });

  it('that fail are tried again by themselves, and nothing is missed or read twice', async () => {
    let refusals = 0;
    const isRefused = (asked: string) => asked === 'b1' && refusals++ < 2;
    const { seen, asked } = await read(
      { a: [[10], [30], [60], [90], [120], [150]], b: [[20], [40], [70]] },
      isRefused,
    );
    expect(asked.slice(0, 4)).toEqual(['a0', 'b0', 'a1', 'b1']);
    expect(seen.filter((text) => /^[ab]\d/.test(text)).sort()).toEqual(
      [...['a10', 'a120', 'a150', 'a30', 'a60', 'a90', 'b20', 'b40', 'b70']].sort(),
    );
    expect(seen.some((text) => text.startsWith('AccessDeniedException'))).toBe(true);
    expect(seen.indexOf('a60')).toBeLessThan(seen.indexOf('b40'));
  });
});
