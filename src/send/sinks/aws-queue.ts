import type { Message } from '../message.ts';
import { type AlertRecord, type RecordFormat, recordsOf } from '../records/records.ts';
import { type Entry, type EntryFailure, MAX_TEXT, UNANSWERED } from './aws.ts';

interface Attribute {
  readonly DataType: 'String';
  readonly StringValue: string;
}

/** A record as SNS and SQS take it. */
export interface QueueEntry extends Entry, Pick<AlertRecord, 'alert'> {
  /** What subscriptions can filter by. */
  readonly attributes: Record<string, Attribute>;
  /** Where order counts: that of one alert, and by which key a repeat within five minutes is dropped. */
  readonly fifo?: { readonly MessageGroupId: string; readonly MessageDeduplicationId: string };
}

/** The records of a message; `to` names a topic or queue, whose name says whether it is a FIFO one. */
export function queueEntries(
  message: Message,
  format: RecordFormat,
  to: string,
  console: string | undefined,
): QueueEntry[] {
  return recordsOf(message, format, { console, maxBytes: MAX_TEXT }).map(({ id, key, alert, text }) => {
    const attributes = attributesOf({
      'idempotency-key': key,
      detector: alert.detector,
      severity: alert.severity,
      state: alert.state,
    });
    const fifo = to.endsWith('.fifo') ? { fifo: { MessageGroupId: id, MessageDeduplicationId: key } } : {};
    return { key, alert, text, attributes, ...fifo, bytes: Buffer.byteLength(text) + bytesOf(attributes) };
  });
}

function attributesOf(values: Readonly<Record<string, string>>): Record<string, Attribute> {
  return Object.fromEntries(
    Object.entries(values).map(([name, StringValue]) => [name, { DataType: 'String', StringValue }]),
  );
}

function bytesOf(attributes: Record<string, Attribute>): number {
  return Object.entries(attributes).reduce(
    (sum, [name, { DataType, StringValue }]) =>
      sum + name.length + DataType.length + Buffer.byteLength(StringValue),
    0,
  );
}

interface Result {
  readonly Successful?: readonly { readonly Id?: string | undefined }[] | undefined;
  readonly Failed?:
    | readonly {
        readonly Id: string | undefined;
        readonly Code: string | undefined;
        readonly Message?: string | undefined;
      }[]
    | undefined;
}

/** What a batch call answered for each entry, whose ids are their places. */
export function queueFailures(
  entries: readonly QueueEntry[],
  { Successful = [], Failed = [] }: Result,
): (EntryFailure | undefined)[] {
  const taken = new Set(Successful.map(({ Id }) => Id));
  const failed = new Map(
    Failed.map(({ Id, Code = '', Message = '' }) => [Id, { code: Code, message: Message }]),
  );
  return entries.map((_, i) => (taken.has(String(i)) ? undefined : (failed.get(String(i)) ?? UNANSWERED)));
}
