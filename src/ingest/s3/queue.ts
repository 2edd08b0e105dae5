import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  type Message,
  ReceiveMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import type { AwsConnection } from '../../outbound/aws.ts';
import type { SourceEvents } from '../source.ts';
import { parseNotification, type ToldObject } from './notification.ts';
import type { S3Options } from './options.ts';

/** A queue whose messages tell of objects. */
export interface NoticeQueue {
  /**
   * Waits for messages, up to 20 s, and gives the objects that they tell of. `partitionOf` names the object that is to be read, or undefined
   * when there is nothing to do for it; a message goes when all of its objects are {@link done}. One for which it rejects is left to the queue.
   */
  receive(
    partitionOf: (object: ToldObject) => Promise<string | undefined>,
    signal: AbortSignal,
  ): Promise<number>;
  /** What is durable, or will be asked for by its position. Deletes the messages that wait for nothing else. */
  done(partitions: readonly string[]): Promise<void>;
  /** Seconds for which the queue keeps messages; undefined when we may not ask. */
  retention(signal: AbortSignal): Promise<number | undefined>;
  close(): void;
}

/** Most that SQS takes or gives at once. */
const BATCH = 10;
const WAIT_SECONDS = 20;

/** A message at work, until all it waits for is durable. */
interface Notice {
  receipt: string;
  readonly waiting: Set<string>;
}

export function openQueue(
  aws: AwsConnection,
  { queue: QueueUrl = '', visibility, name: source, endpoint }: S3Options,
  events: SourceEvents,
): NoticeQueue {
  // The queue's URL names its endpoint; what the options name is the bucket's.
  const sqs = new SQSClient({ ...aws.client, endpoint: endpoint ?? new URL(QueueUrl).origin });
  const notices = new Map<string, Notice>();

  const remove = async (ids: readonly string[]): Promise<void> => {
    for (let i = 0; i < ids.length; i += BATCH) {
      const Entries = ids.slice(i, i + BATCH).flatMap((id, at) => {
        const notice = notices.get(id);
        return notice === undefined ? [] : [{ Id: String(at), ReceiptHandle: notice.receipt }];
      });
      await sqs.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }));
      for (const id of ids.slice(i, i + BATCH)) notices.delete(id);
    }
  };

  const extend = async (): Promise<void> => {
    const all = [...notices.values()];
    for (let i = 0; i < all.length; i += BATCH) {
      const Entries = all.slice(i, i + BATCH).map(({ receipt }, at) => ({
        Id: String(at),
        ReceiptHandle: receipt,
        VisibilityTimeout: visibility,
      }));
      await sqs.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl, Entries })).catch((error: Error) =>
        // Then they come once more, and are recognised.
        events.log('warn', 'messages cannot be kept; they come again', { source, error: error.message }),
      );
    }
  };
  const heartbeat = setInterval(() => void extend(), (visibility * 1000) / 3);
  heartbeat.unref();

  const understand = (message: Message): ToldObject[] | undefined => {
    const objects = parseNotification(message.Body ?? '');
    if (objects === undefined)
      events.log('warn', 'a message is none that S3 sends; it is left to the queue', {
        source,
        id: message.MessageId ?? '',
      });
    return objects;
  };

  return {
    async receive(partitionOf, signal) {
      const { Messages = [] } = await sqs.send(
        new ReceiveMessageCommand({
          QueueUrl,
          MaxNumberOfMessages: BATCH,
          WaitTimeSeconds: WAIT_SECONDS,
          VisibilityTimeout: visibility,
        }),
        { abortSignal: signal },
      );
      const empty: string[] = [];
      for (const message of Messages) {
        const { MessageId: id, ReceiptHandle: receipt } = message;
        const objects = understand(message);
        if (id === undefined || receipt === undefined || objects === undefined) continue;
        const known = notices.get(id);
        if (known !== undefined) {
          known.receipt = receipt;
          continue;
        }
        const partitions = await Promise.all(objects.map(partitionOf)).catch((error: Error) => {
          signal.throwIfAborted();
          events.log(
            'warn',
            'an object that a message tells of cannot be asked for; the message comes again',
            {
              ...{ source, id, error: `${error.name}: ${error.message}` },
            },
          );
        });
        if (partitions === undefined) continue;
        const waiting = new Set(partitions.filter((partition) => partition !== undefined));
        notices.set(id, { receipt, waiting });
        if (waiting.size === 0) empty.push(id);
      }
      await remove(empty);
      return Messages.length;
    },
    async done(partitions) {
      const finished: string[] = [];
      for (const [id, { waiting }] of notices) {
        for (const partition of partitions) waiting.delete(partition);
        if (waiting.size === 0) finished.push(id);
      }
      await remove(finished);
    },
    async retention(signal) {
      const { Attributes } = await sqs.send(
        new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['MessageRetentionPeriod'] }),
        { abortSignal: signal },
      );
      const seconds = Number(Attributes?.MessageRetentionPeriod);
      return Number.isFinite(seconds) ? seconds : undefined;
    },
    close() {
      clearInterval(heartbeat);
      sqs.destroy();
    },
  };
}
