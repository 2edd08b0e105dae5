import {
  CloudWatchLogsClient,
  CreateLogGroupCommand,
  CreateLogStreamCommand,
  PutLogEventsCommand,
} from '@aws-sdk/client-cloudwatch-logs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CloudWatchOptions } from '../../src/ingest/cloudwatch/options.ts';
import { createCloudWatchSource } from '../../src/ingest/cloudwatch/source.ts';
import type { Delivery, Resume } from '../../src/ingest/source.ts';
import { logLine, temporaryFolder } from '../cli/run.ts';
import { killed, report } from './kills.ts';
import { type Moto, startMoto } from './rigs/moto.ts';

const REGION = 'eu-central-1';
let moto: Moto;
let client: CloudWatchLogsClient;
let now = Date.now() - 600_000;

beforeAll(async () => {
  moto = await startMoto();
  client = new CloudWatchLogsClient({ region: REGION, endpoint: moto.endpoint });
});
afterAll(() => moto.stop());

async function createGroup(logGroupName: string): Promise<void> {
  await client.send(new CreateLogGroupCommand({ logGroupName }));
  await client.send(new CreateLogStreamCommand({ logGroupName, logStreamName: 'eni-1-all' }));
}

/** Events a millisecond apart, or all at `at`. */
async function put(logGroupName: string, lines: readonly string[], at?: number): Promise<void> {
  for (let i = 0; i < lines.length; i += 5000)
    await client.send(
      new PutLogEventsCommand({
        logGroupName,
        logStreamName: 'eni-1-all',
        logEvents: lines.slice(i, i + 5000).map((message) => ({ message, timestamp: at ?? now++ })),
      }),
    );
}

const line = (i: number) => logLine('10.0.1.5', '10.0.2.9', 1000 + i, 'ACCEPT');
const textOf = ({ content }: Delivery): string[] =>
  content.kind === 'object'
    ? []
    : Buffer.concat(content.messages)
        .toString()
        .split('\n')
        .filter((text) => text !== '');

/** Reads until `count` lines came, and tells what a checkpoint of that would hold. */
async function read(group: string, count: number, resume: Omit<Resume, 'instance' | 'scratch'>) {
  const options = CloudWatchOptions.parse({
    type: 'cloudwatch',
    name: 'aws',
    region: REGION,
    logGroups: [group],
    endpoint: moto.endpoint,
    interval: 1,
  });
  const told: string[] = [];
  const source = await createCloudWatchSource(
    options,
    { instance: 'x', scratch: '', ...resume },
    {
      lanes: (names) => told.push(`lanes ${names}`),
      caughtUp: (lane) => told.push(`caught up ${lane}`),
      flush: () => {},
      forget: () => {},
      lost: ({ reason }) => told.push(reason),
      log: (_, message) => told.push(message),
    },
  );
  const stop = new AbortController();
  const lines: string[] = [];
  const ids = new Set(resume.ids.get(group));
  let next = resume.positions.get(group)?.next ?? 0;
  for await (const delivery of source.deliveries(stop.signal)) {
    if (next !== 0) expect(delivery.from).toBe(next);
    lines.push(...textOf(delivery));
    for (const id of delivery.ids ?? []) ids.add(id);
    next = delivery.to ?? next;
    if (lines.length >= count) stop.abort();
  }
  await source.close();
  const durable = { positions: new Map([[group, { next, done: false }]]), ids: new Map([[group, ids]]) };
  return { lines, durable, told };
}

const NOTHING: Omit<Resume, 'instance' | 'scratch'> = { positions: new Map(), ids: new Map() };

describe('the cloudwatch source', () => {
  it('goes on where it was, and finds what came late', async () => {
    await createGroup('resume');
    const all = Array.from({ length: 12_000 }, (_, i) => line(i));
    await put('resume', all);
    const first = await read('resume', all.length, NOTHING);
    expect(first.lines.sort()).toEqual(all.sort());
    await put('resume', ['late'], now - 300_000);
    await put('resume', ['new']);
    const second = await read('resume', 2, first.durable);
    expect(second.lines).toEqual(['late', 'new']);
    expect(second.durable.positions.get('resume')!.next).toBeGreaterThan(
      first.durable.positions.get('resume')!.next,
    );
  });

  it('has a position from its first start on, before there is anything to read', async () => {
    await createGroup('silent');
    const { durable } = await read('silent', 0, NOTHING);
    const { next } = durable.positions.get('silent')!;
    expect(next).toBeGreaterThan(Date.now() - 2 * 3_600_000);
    await put('silent', ['a record'], next + 1);
    expect((await read('silent', 1, durable)).lines).toEqual(['a record']);
  });

  it('goes on when a group is not there yet', async () => {
    const reading = read('later', 1, NOTHING);
    await createGroup('later');
    await put('later', ['a record']);
    expect((await reading).lines).toEqual(['a record']);
  });

  it('reads every record once, however often the service is killed', async () => {
    const result = await killed({
      root: temporaryFolder(),
      records: 12_000,
      kills: 6,
      seed: 3,
      within: 4000,
      async feed(name) {
        await createGroup(`kill-${name}`);
        return {
          source: `- {type: cloudwatch, name: aws, region: ${REGION}, logGroups: [kill-${name}], endpoint: '${moto.endpoint}', interval: 1}`,
          put: (lines) => put(`kill-${name}`, lines),
        };
      },
    });
    report(result);
    expect(result.checkpoints).toBeGreaterThan(0);
    expect(result.killed).toEqual(result.whole);
  });
});
