import { gzipSync } from 'node:zlib';
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  PutBucketNotificationConfigurationCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { S3Options } from '../../src/ingest/s3/options.ts';
import { createS3Source } from '../../src/ingest/s3/source.ts';
import type { Covered, Delivery, Resume } from '../../src/ingest/source.ts';
import { logLine, temporaryFolder } from '../cli/run.ts';
import { killed, report } from './kills.ts';
import { type Moto, startMoto } from './rigs/moto.ts';

/** Both can be raised for a release. */
const KILLS = Number(process.env.FLOWSENTRY_KILLS ?? 8);
const RECORDS = Number(process.env.FLOWSENTRY_KILL_RECORDS ?? 40_000);

const REGION = 'us-east-1';
const FOLDER = `AWSLogs/123456789012/vpcflowlogs/${REGION}/`;
let moto: Moto;
let s3: S3Client;
let sqs: SQSClient;

beforeAll(async () => {
  moto = await startMoto();
  s3 = new S3Client({ region: REGION, endpoint: moto.endpoint, forcePathStyle: true });
  sqs = new SQSClient({ region: REGION, endpoint: moto.endpoint });
});
afterAll(() => moto.stop());

/** A bucket; with a queue that is told of each object. */
async function createBucket(Bucket: string, isTold: boolean): Promise<string | undefined> {
  await s3.send(new CreateBucketCommand({ Bucket }));
  if (!isTold) return undefined;
  const { QueueUrl } = await sqs.send(
    new CreateQueueCommand({ QueueName: Bucket, Attributes: { VisibilityTimeout: '5' } }),
  );
  const { Attributes } = await sqs.send(
    new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] }),
  );
  await s3.send(
    new PutBucketNotificationConfigurationCommand({
      Bucket,
      NotificationConfiguration: {
        QueueConfigurations: [{ QueueArn: Attributes?.QueueArn, Events: ['s3:ObjectCreated:*'] }],
      },
    }),
  );
  return QueueUrl;
}

/** Key of an object of today. */
function keyOf(name: string): string {
  const today = new Date().toISOString().slice(0, 10).replaceAll('-', '/');
  return `${FOLDER}${today}/${name}.log.gz`;
}

const put = (Bucket: string, Key: string, lines: readonly string[]) =>
  s3.send(new PutObjectCommand({ Bucket, Key, Body: gzipSync(`${lines.join('\n')}\n`) }));

const line = (i: number) => logLine('10.0.1.5', '10.0.2.9', 1000 + i, 'ACCEPT');

async function textOf({ content }: Delivery): Promise<string[]> {
  if (content.kind === 'messages') return [];
  const opened = await content.open();
  if (opened.kind !== 'bytes') throw new Error('not text');
  const chunks: Buffer[] = [];
  for await (const chunk of opened.chunks) if (!('damage' in chunk)) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString().trimEnd().split('\n');
}

/** Reads, each delivery durable at once, until `isEnough`; tells what is durable then. */
async function read(
  bucket: string,
  queue: string | undefined,
  positions: Resume['positions'],
  isEnough: (lines: readonly string[], told: readonly string[]) => boolean,
) {
  const options = S3Options.parse({
    type: 's3',
    name: 'aws',
    region: REGION,
    bucket,
    queue,
    endpoint: moto.endpoint,
    reconcile: 1,
    visibility: 10,
  });
  const told: string[] = [];
  const lines: string[] = [];
  const stop = new AbortController();
  const tell = (text: string): void => {
    told.push(text);
    if (isEnough(lines, told)) stop.abort();
  };
  const source = await createS3Source(
    options,
    { instance: 'x', scratch: temporaryFolder(), positions, ids: new Map() },
    {
      lanes: () => {},
      caughtUp: () => tell('caught up'),
      flush: () => {},
      forget: () => {},
      lost: ({ reason }) => tell(reason),
      log: (_, message) => tell(message),
    },
  );
  const durable = new Map(positions);
  for await (const delivery of source.deliveries(stop.signal)) {
    lines.push(...(await textOf(delivery)));
    const { partition, from, note } = delivery;
    durable.set(partition, { next: from + 1, done: true, note });
    const covered: Covered = { partition, from, next: from + 1, done: true, floor: from + 1 };
    await source.acknowledge?.([covered]);
    if (isEnough(lines, told)) stop.abort();
  }
  await source.close();
  return { lines, durable, told };
}

async function messagesIn(QueueUrl: string | undefined): Promise<number> {
  const { Attributes } = await sqs.send(
    new GetQueueAttributesCommand({
      QueueUrl,
      AttributeNames: ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'],
    }),
  );
  return (
    Number(Attributes?.ApproximateNumberOfMessages) +
    Number(Attributes?.ApproximateNumberOfMessagesNotVisible)
  );
}

describe('the s3 source', () => {
  it('finds by listing what no message told of, each object once, and none of another day', async () => {
    await createBucket('listed', false);
    await put('listed', keyOf('b'), [line(1)]);
    await put('listed', keyOf('a'), [line(2), line(3)]);
    await put('listed', `${FOLDER}2020/01/02/old.log.gz`, [line(9)]);
    const first = await read('listed', undefined, new Map(), (lines) => lines.length === 3);
    expect(first.lines.sort()).toEqual([line(1), line(2), line(3)]);
    await put('listed', keyOf('c'), [line(4)]);
    const second = await read(
      'listed',
      undefined,
      first.durable,
      (lines, told) => lines.length > 0 && told.length > 0,
    );
    expect(second.lines).toEqual([line(4)]);
  });

  it('reads an object that was replaced as the new one it is', async () => {
    await createBucket('replaced', false);
    await put('replaced', keyOf('a'), [line(1)]);
    const { durable } = await read('replaced', undefined, new Map(), (lines) => lines.length === 1);
    await put('replaced', keyOf('a'), [line(2)]);
    const { lines } = await read('replaced', undefined, durable, (found) => found.length === 1);
    expect(lines).toEqual([line(2)]);
  });

  it('takes messages of every kind, deletes them when all is durable, and leaves those that are none', async () => {
    const queue = await createBucket('told', true);
    const send = (body: unknown) =>
      sqs.send(new SendMessageCommand({ QueueUrl: queue, MessageBody: JSON.stringify(body) }));
    await put('told', keyOf('a b'), [line(1)]);
    await put('told', keyOf('b'), [line(2)]);
    await send({
      source: 'aws.s3',
      'detail-type': 'Object Created',
      detail: { bucket: { name: 'told' }, object: { key: keyOf('b') } },
    });
    await send({
      Type: 'Notification',
      Message: JSON.stringify({ Service: 'Amazon S3', Event: 's3:TestEvent' }),
    });
    await send({ what: 'is this' });
    const { lines, told } = await read(
      'told',
      queue,
      new Map(),
      (found, said) =>
        found.length === 2 && said.includes('a message is none that S3 sends; it is left to the queue'),
    );
    expect(lines.sort()).toEqual([line(1), line(2)]);
    expect(told).not.toContain('the bucket cannot be listed; it is tried again');
    while ((await messagesIn(queue)) > 1) {
      await read('told', queue, new Map([...(await durableOf('told'))]), (_, said) =>
        said.includes('caught up'),
      );
    }
    expect(await messagesIn(queue)).toBe(1);
  });

  it('says what is lost when an object goes before it is read', async () => {
    const queue = await createBucket('gone', true);
    await put('gone', keyOf('a'), [line(1)]);
    await s3.send(new DeleteObjectCommand({ Bucket: 'gone', Key: keyOf('a') }));
    const { told } = await read('gone', queue, new Map(), (_, said) => said.includes('it was deleted'));
    expect(told).toContain('it was deleted');
  });

  let object = 0;
  /** A bucket and a queue, with messages lost, doubled and out of order when they are `disturbed`. */
  const feedOf = (prefix: string, isDisturbed: boolean) => async (name: string) => {
    const bucket = `${prefix}-${name}`;
    const queue = await createBucket(bucket, true);
    return {
      source: `- {type: s3, name: aws, region: ${REGION}, bucket: ${bucket}, queue: '${queue}', endpoint: '${moto.endpoint}', reconcile: 2, visibility: 10}`,
      more: 'network: {internal: []}\n',
      async put(lines: readonly string[]) {
        for (let i = 0; i < lines.length; i += 1000)
          await put(bucket, keyOf(String(object++).padStart(6, '0')), lines.slice(i, i + 1000));
        if (isDisturbed) await disturb(queue);
      },
    };
  };

  it('has every record once, however often the service is killed, and with messages lost, doubled and out of order', async () => {
    const feed = feedOf('kill', true);
    const root = temporaryFolder();
    const result = await killed({ root, records: RECORDS, kills: KILLS, seed: 7, within: 4000, feed });
    report(result);
    expect(result.checkpoints).toBeGreaterThan(0);
    expect(result.killed).toEqual(result.whole);
  });

  it('ends by itself whenever it is told to, and the next one repeats nothing', async () => {
    const size = { records: RECORDS / 2, kills: KILLS, seed: 8, within: 1500 };
    const feed = feedOf('stop', false);
    const result = await killed({ root: temporaryFolder(), ...size, feed, signal: 'SIGTERM' });
    report(result);
    expect(result.codes).toEqual(new Set([0]));
    expect(result.repeated).toBe(0);
    expect(result.killed).toEqual(result.whole);
  });
});

/** Takes some messages away, for good or for a while, and sends some once more. */
async function disturb(QueueUrl: string | undefined): Promise<void> {
  const { Messages = [] } = await sqs.send(
    new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 5, VisibilityTimeout: 3 }),
  );
  for (const [i, { Body }] of Messages.entries())
    if (i % 2 === 0) await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: Body }));
}

/** As if everything in the bucket were durable. */
async function durableOf(bucket: string): Promise<Resume['positions']> {
  return (await read(bucket, undefined, new Map(), (_, told) => told.includes('caught up'))).durable;
}
