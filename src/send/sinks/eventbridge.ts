import { z } from 'zod';
import { type AlertRecord, RecordFormat, recordsOf } from '../records/records.ts';
import type { Sink } from '../sink.ts';
import { AwsSinkOptions, type Entry, MAX_CALL, MAX_TEXT, openAwsSink, UNANSWERED } from './aws.ts';

/** A bus of Amazon EventBridge. */
export const EventBridgeOptions = z.strictObject({
  type: z.literal('eventbridge').describe('A bus of Amazon EventBridge: an alert an event'),
  ...AwsSinkOptions.shape,
  bus: z.string().min(1).default('default').describe('Name or ARN of the bus'),
  source: z
    .string()
    .regex(
      /^(?!aws\.)[\w.-]{1,256}$/,
      'not a source: letters, digits, dots and dashes, not beginning with aws.',
    )
    .default('flowsentry')
    .describe('What rules know our events by'),
  format: RecordFormat,
});
export type EventBridgeOptions = z.infer<typeof EventBridgeOptions>;

/** Bytes of an entry beside its text, more than any has. */
const OVERHEAD = 1024;

interface EventEntry extends Entry, Pick<AlertRecord, 'alert'> {}

export async function openEventBridge(options: EventBridgeOptions, console?: string): Promise<Sink> {
  const { EventBridgeClient, PutEventsCommand } = await import('@aws-sdk/client-eventbridge');
  const { bus: EventBusName, source: Source, format } = options;
  const DetailType = format === 'ocsf' ? 'OCSF Detection Finding' : 'flowsentry alert';
  return openAwsSink<EventEntry>({
    options,
    most: MAX_CALL,
    entriesOf: (message) =>
      recordsOf(message, format, { console, maxBytes: MAX_TEXT }).map(({ key, alert, text }) => ({
        key,
        alert,
        text,
        bytes: Buffer.byteLength(text) + OVERHEAD,
      })),
    open(config) {
      const client = new EventBridgeClient(config);
      return {
        client,
        async call(entries, abortSignal) {
          const Entries = entries.map(({ alert, text: Detail }) => ({
            ...{ EventBusName, Source, DetailType, Detail },
            Time: new Date(alert.lastSeen),
          }));
          const answer = await client.send(new PutEventsCommand({ Entries }), { abortSignal });
          return entries.map((_, i) => {
            const { EventId, ErrorCode, ErrorMessage = '' } = answer.Entries?.[i] ?? {};
            if (ErrorCode !== undefined) return { code: ErrorCode, message: ErrorMessage };
            return EventId === undefined ? UNANSWERED : undefined;
          });
        },
      };
    },
  });
}
