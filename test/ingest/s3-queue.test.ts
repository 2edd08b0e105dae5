import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { S3Options } from '../../src/ingest/s3/options.ts';
import { openQueue } from '../../src/ingest/s3/queue.ts';
import { openAws } from '../../src/outbound/aws.ts';
import { pretendCredentials } from '../integration/rigs/moto.ts';
import { messageOf } from './s3-support.ts';

it('leaves a message to the queue whose object cannot be asked for, and takes those beside it', async () => {
  pretendCredentials();
  const deleted: string[] = [];
  const server = createServer(async (request, response) => {
    const isReceive = request.headers['x-amz-target'] === 'AmazonSQS.ReceiveMessage';
    const { Entries = [] } = (await json(request)) as { Entries?: { Id: string; ReceiptHandle: string }[] };
    deleted.push(...Entries.map(({ ReceiptHandle }) => ReceiptHandle));
    response.writeHead(200, { 'content-type': 'application/x-amz-json-1.0' });
    const Messages = ['denied', 'known', 'new'].map((key) => messageOf(key));
    response.end(JSON.stringify(isReceive ? { Messages } : { Successful: [], Failed: [] }));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const region = 'us-east-1';
  const aws = await openAws({ region, endpoint });
  const told: unknown[] = [];
  const queue = openQueue(
    aws,
    S3Options.parse({ type: 's3', name: 's', region, bucket: 'bucket', endpoint, queue: `${endpoint}/1/q` }),
    {
      ...{ lanes() {}, caughtUp() {}, flush() {}, forget() {}, lost() {} },
      log: (_level, _message, details) => told.push(details),
    },
  );
  try {
    const { signal } = new AbortController();
    const partitionOf = async ({ key }: { key: string }) => {
      if (key === 'denied') throw new Error('not now');
      return key === 'new' ? key : undefined;
    };
    expect(await queue.receive(partitionOf, signal)).toBe(3);
    expect(deleted).toEqual(['known']);
    expect(told).toEqual([{ source: 's', id: 'denied', error: 'Error: not now' }]);
    await queue.done(['new', 'denied']);
    expect(deleted).toEqual(['known', 'new']);
  } finally {
    queue.close();
    aws.close();
    server.close();
    server.closeAllConnections();
  }
});
