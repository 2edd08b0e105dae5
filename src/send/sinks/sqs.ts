import { z } from 'zod';
import { RecordFormat } from '../records/records.ts';
import type { Sink } from '../sink.ts';
import { plainUrl } from '../sink-options.ts';
import { AwsSinkOptions, MAX_CALL, openAwsSink } from './aws.ts';
import { type QueueEntry, queueEntries, queueFailures } from './aws-queue.ts';

/** A queue of Amazon SQS. */
export const SqsOptions = z.strictObject({
  type: z.literal('sqs').describe('A queue of Amazon SQS, standard or FIFO: an alert a message'),
  ...AwsSinkOptions.shape,
  queue: plainUrl.describe("The queue's URL"),
  format: RecordFormat,
});
export type SqsOptions = z.infer<typeof SqsOptions>;

export async function openSqs(options: SqsOptions, console?: string): Promise<Sink> {
  const { SendMessageBatchCommand, SQSClient } = await import('@aws-sdk/client-sqs');
  const { queue: QueueUrl, format, endpoint = new URL(QueueUrl).origin } = options;
  return openAwsSink<QueueEntry>({
    options,
    most: MAX_CALL,
    entriesOf: (message) => queueEntries(message, format, QueueUrl, console),
    open(config) {
      // The queue's URL names its endpoint.
      const client = new SQSClient({ ...config, endpoint });
      return {
        client,
        async call(entries, abortSignal) {
          const Entries = entries.map(({ text, attributes, fifo }, i) => ({
            Id: String(i),
            MessageBody: text,
            MessageAttributes: attributes,
            ...fifo,
          }));
          const command = new SendMessageBatchCommand({ QueueUrl, Entries });
          return queueFailures(entries, await client.send(command, { abortSignal }));
        },
      };
    },
  });
}
