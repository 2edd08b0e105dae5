import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { FirehoseOptions } from '../../src/ingest/firehose/options.ts';
import { createFirehoseSource } from '../../src/ingest/firehose/source.ts';
import type { Covered, Delivery, Resume } from '../../src/ingest/source.ts';
import { listenForDeliveries } from '../../src/serve/deliveries.ts';

const folder = mkdtempSync(join(tmpdir(), 'flowsentry-firehose-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const keyFile = join(folder, 'key');
export const KEY = 'an access key of Firehose';
writeFileSync(keyFile, `${KEY}\n`, { mode: 0o600 });

type FirehoseInput = Partial<(typeof FirehoseOptions)['_zod']['input']>;

/** What checkpoints made durable: what a data folder keeps of a source. */
export class Durable {
  next = 0;
  ids = new Set<string>();
  records: string[] = [];
  duplicates = 0;

  get resume(): Resume {
    return {
      instance: 'test',
      scratch: '',
      positions: this.next === 0 ? new Map() : new Map([['requests', { next: this.next, done: false }]]),
      ids: new Map([['requests', new Set(this.ids)]]),
    };
  }

  /** A checkpoint of these deliveries; what it covers. */
  commit(deliveries: readonly Delivery[]): Covered[] {
    const from = this.next;
    for (const delivery of deliveries) {
      if (delivery.from !== this.next) throw new Error(`gap or repeat at ${this.next}: ${delivery.from}`);
      this.next = delivery.to ?? Number.NaN;
      for (const id of delivery.ids ?? []) this.ids.add(id);
      for (const id of this.ids) if (id < (delivery.idsFrom ?? '')) this.ids.delete(id);
      this.duplicates += delivery.duplicates ?? 0;
      if (delivery.content.kind === 'messages')
        this.records.push(...delivery.content.messages.map((message) => Buffer.from(message).toString()));
    }
    return [{ partition: 'requests', from, next: this.next, done: false, floor: this.next }];
  }
}

/** Options of a source that listens on any port. */
export function firehoseOptions(input: FirehoseInput): FirehoseOptions {
  return FirehoseOptions.parse({
    type: 'firehose',
    name: 'firehose',
    port: 0,
    accessKey: { file: keyFile },
    ...input,
  });
}

/** A source at work on loopback, whose deliveries the test takes one by one. */
export async function openFirehose(durable: Durable, input: FirehoseInput = {}) {
  const options = firehoseOptions(input);
  const logged: { level: string; message: string; details: unknown }[] = [];
  const told: string[] = [];
  let url = '';
  const source = await createFirehoseSource(
    options,
    durable.resume,
    {
      lanes: (names) => told.push(`lanes ${names.join(' ')}`),
      caughtUp: (lane) => told.push(`caught up ${lane}`),
      flush: () => {},
      forget: () => {},
      lost: () => {},
      log: (level, message, details) => logged.push({ level, message, details }),
    },
    async (...args) => {
      const server = await listenForDeliveries(...args);
      url = server.url + options.path;
      return server;
    },
  );
  const abort = new AbortController();
  const iterator = source.deliveries(abort.signal)[Symbol.asyncIterator]();
  async function take(): Promise<Delivery> {
    const { value, done } = await iterator.next();
    if (done === true) throw new Error('no more deliveries');
    return value;
  }
  const checkpoint = async (...deliveries: Delivery[]) => source.acknowledge?.(durable.commit(deliveries));
  return {
    source,
    url,
    logged,
    told,
    abort,
    take,
    /** Whether the iterator ended. */
    ended: async () => (await iterator.next()).done === true,
    /** Makes deliveries durable and says so. */
    checkpoint,
    /** Does so with all that come from now on. */
    pump() {
      void (async () => {
        for (;;) await checkpoint(await take());
      })().catch(() => {});
    },
    async end() {
      abort.abort();
      await iterator.next();
      await source.close();
    },
    send: (id: string, records: readonly string[], options: SendOptions = {}) =>
      send(url, id, records, options),
  };
}

export interface SendOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array<ArrayBuffer>;
}

export interface Answer {
  readonly status: number;
  readonly body: { requestId?: string; timestamp?: number; errorMessage?: string };
}

/** A request as Firehose makes it. */
export async function send(
  url: string,
  id: string,
  records: readonly string[],
  { headers = {}, body = bodyOf(id, records) }: SendOptions = {},
): Promise<Answer> {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'x-amz-firehose-protocol-version': '1.0',
      'x-amz-firehose-request-id': id,
      'x-amz-firehose-access-key': KEY,
      ...headers,
    },
    body,
  });
  const text = await response.text();
  return { status: response.status, body: text.startsWith('{') ? JSON.parse(text) : {} };
}

export const SENT_AT = 1_767_600_000_000;

export function bodyOf(requestId: string, records: readonly string[]): string {
  return JSON.stringify({
    requestId,
    timestamp: SENT_AT,
    records: records.map((record) => ({ data: Buffer.from(record).toString('base64') })),
  });
}
