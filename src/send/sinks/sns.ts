import { z } from 'zod';
import type { Alert } from '../../contracts.ts';
import { RecordFormat } from '../records/records.ts';
import type { Sink } from '../sink.ts';
import { AwsSinkOptions, MAX_CALL, openAwsSink } from './aws.ts';
import { type QueueEntry, queueEntries, queueFailures } from './aws-queue.ts';

/** A topic of Amazon SNS. */
export const SnsOptions = z.strictObject({
  type: z.literal('sns').describe('A topic of Amazon SNS, standard or FIFO: an alert a message'),
  ...AwsSinkOptions.shape,
  topic: z
    .string()
    .regex(/^arn:[\w-]+:sns:[\w-]+:\d{12}:[\w-]+(?:\.fifo)?$/, "not a topic's ARN")
    .describe("The topic's ARN"),
  format: RecordFormat,
});
export type SnsOptions = z.infer<typeof SnsOptions>;

/** What SNS allows of a subject, which e-mail has: ASCII, on one line. */
const MAX_SUBJECT = 99;

export async function openSns(options: SnsOptions, console?: string): Promise<Sink> {
  const { PublishBatchCommand, SNSClient } = await import('@aws-sdk/client-sns');
  const { topic: TopicArn, format } = options;
  return openAwsSink<QueueEntry>({
    options,
    most: MAX_CALL,
    entriesOf: (message) => queueEntries(message, format, TopicArn, console),
    open(config) {
      const client = new SNSClient(config);
      return {
        client,
        async call(entries, abortSignal) {
          const PublishBatchRequestEntries = entries.map(({ alert, text, attributes, fifo }, i) => ({
            Id: String(i),
            Subject: subjectOf(alert),
            Message: text,
            MessageAttributes: attributes,
            ...fifo,
          }));
          const command = new PublishBatchCommand({ TopicArn, PublishBatchRequestEntries });
          return queueFailures(entries, await client.send(command, { abortSignal }));
        },
      };
    },
  });
}

function subjectOf({ state, severity, title }: Alert): string {
  const said = `${state === 'resolved' ? 'Resolved' : severity}: ${title}`;
  return said.slice(0, MAX_SUBJECT).replace(/[^\x20-\x7e]/g, '?');
}
