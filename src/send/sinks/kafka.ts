import type { Producer } from 'kafkajs';
import { z } from 'zod';
import type { KafkaClient } from '../../outbound/kafka.ts';
import { ACCESS_SETTINGS, refineAccess } from '../../outbound/kafka-options.ts';
import type { Message } from '../message.ts';
import { RecordFormat, recordsOf } from '../records/records.ts';
import type { FailureReason, Sink } from '../sink.ts';
import { SinkCommon } from '../sink-options.ts';
import { grouped, plain, trim } from '../words/text.ts';
import { type Failed, failureOf } from './http.ts';

/** A topic of Apache Kafka. */
export const KafkaSinkOptions = refineAccess(
  z.strictObject({
    type: z.literal('kafka').describe('A topic of Apache Kafka: an alert a message'),
    ...SinkCommon.shape,
    ...ACCESS_SETTINGS,
    topic: z.string().min(1).describe('Name of the topic, which has to be there'),
    maxMessageBytes: z
      .int()
      .min(16_384)
      .default(900_000)
      .describe("Largest message and batch; below the broker's max.message.bytes"),
    format: RecordFormat,
  }),
);
export type KafkaSinkOptions = z.infer<typeof KafkaSinkOptions>;

/** The client's own, within an attempt: an idempotent producer writes once all the same. */
const RETRIES = 3;
/** Bytes of a message beside its text: key, headers, framing. */
const OVERHEAD = 512;
const MAX_SHOWN = 300;

export async function openKafkaSink(options: KafkaSinkOptions, console?: string): Promise<Sink> {
  const { topic, format, maxMessageBytes, name } = options;
  const { openKafka } = await import('../../outbound/kafka.ts');
  // Its complaints come to us as failures.
  const open = () => openKafka(options, `flowsentry-sink-${name}`, () => {}, RETRIES);
  let client: KafkaClient | undefined = await open();
  let producer: Producer | undefined;
  const forget = async (): Promise<void> => {
    const [oldClient, oldProducer] = [client, producer];
    client = undefined;
    producer = undefined;
    await oldProducer?.disconnect().catch(() => {});
    oldClient?.close();
  };
  const recordsOfMessage = (message: Message) =>
    recordsOf(message, format, { console, maxBytes: maxMessageBytes - OVERHEAD });

  return {
    traits: { unit: 'batch', rate: 60, folds: false, repeats: false, acknowledges: false, concurrency: 1 },
    preview: (message) =>
      recordsOfMessage(message)
        .map(({ text }) => JSON.stringify(JSON.parse(text), null, 2))
        .join('\n'),
    async deliver(message, signal) {
      const records = recordsOfMessage(message);
      const end = Promise.withResolvers<never>();
      end.promise.catch(() => {});
      const onAbort = () => end.reject(new DOMException('no answer in time', 'TimeoutError'));
      signal.addEventListener('abort', onAbort);
      const send = async (): Promise<void> => {
        client ??= await open();
        producer ??= client.kafka.producer({
          idempotent: true,
          maxInFlightRequests: 1,
          allowAutoTopicCreation: false,
          retry: { retries: RETRIES },
        });
        await producer.connect();
        for (const messages of batchesOf(records, maxMessageBytes))
          await producer.send({ topic, acks: -1, messages });
      };
      try {
        await Promise.race([send(), end.promise]);
        return { delivered: true, answer: `took ${grouped(records.length)} of ${grouped(records.length)}` };
      } catch (error) {
        void forget();
        return failureOfKafka(error);
      } finally {
        signal.removeEventListener('abort', onAbort);
      }
    },
    close: forget,
  };
}

/** Records as messages, as many in each batch as a broker takes. */
function batchesOf(records: ReturnType<typeof recordsOf>, maxBytes: number) {
  const batches: { key: string; value: string; headers: Record<string, string> }[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const { id, key, alert, text } of records) {
    const size = Buffer.byteLength(text) + OVERHEAD;
    if (bytes + size > maxBytes) {
      batches.push([]);
      bytes = 0;
    }
    const { detector, severity, state } = alert;
    const headers = { 'idempotency-key': key, 'content-type': 'application/json', detector, severity, state };
    batches.at(-1)?.push({ key: id, value: text, headers });
    bytes += size;
  }
  return batches;
}

/** The protocol's names of errors, the first that fits: https://kafka.apache.org/protocol#protocol_error_codes */
const REASONS: readonly (readonly [types: RegExp, reason: FailureReason])[] = [
  [/AUTHORIZATION|AUTHENTICATION|SASL/, 'unauthorized'],
  [/UNKNOWN_TOPIC/, 'gone'],
  [/TOO_LARGE/, 'too-large'],
  [/THROTTLING/, 'rate-limited'],
  [/TIMED_OUT/, 'timeout'],
  [/^INVALID_(?:TOPIC|RECORD|CONFIG|REQUEST|REQUIRED|TIMESTAMP)|POLICY_VIOLATION|UNSUPPORTED/, 'refused'],
];

interface KafkaFailure extends NodeJS.ErrnoException {
  readonly type?: string;
  readonly cause?: unknown;
  readonly originalError?: unknown;
  readonly errors?: readonly unknown[];
}

/** Why the client or a broker failed: what is behind its last try. */
export function failureOfKafka(error: unknown): Failed {
  const { name, message, type, cause, originalError, errors } = error as KafkaFailure;
  const detail = trim(plain(type === undefined ? message : `${type}: ${message}`), MAX_SHOWN);
  const failed = (reason: FailureReason): Failed => ({ delivered: false, reason, detail });
  if (name === 'KafkaJSSASLAuthenticationError') return failed('unauthorized');
  if (name === 'KafkaJSRequestTimeoutError') return failed('timeout');
  // A broker that answers nonsense: the client reads beyond its end.
  if (error instanceof RangeError) return failed('bad-answer');
  if (type !== undefined) return failed(REASONS.find(([types]) => types.test(type))?.[1] ?? 'unavailable');
  const behind = originalError ?? cause ?? errors?.[0];
  if (behind instanceof Error) return failureOfKafka(behind);
  return failureOf(error);
}
