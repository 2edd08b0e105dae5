import kafkajs, { type Transaction } from 'kafkajs';
import type { SourceEvents } from '../ingest/source.ts';
import { openKafka } from '../outbound/kafka.ts';
import type { OutMessage } from './messages.ts';
import type { ForwardOptions } from './options.ts';

/** Writes to a topic in transactions, of which each says which checkpoint it belongs to. */
export interface Writer {
  /** The checkpoint of the last transaction that counts; -1 when there is none. */
  committed(): Promise<number>;
  /** Resolves when all replicas in sync have the messages, which count with the next {@link commit}. */
  send(batches: readonly (readonly OutMessage[])[]): Promise<void>;
  /** Whether something was sent since the last commit. */
  readonly isOpen: boolean;
  /** Makes what was sent count, together with the number. When it rejects nobody knows: `committed` of the next writer does. */
  commit(seq: number): Promise<void>;
  /** What was sent and not committed never counts. */
  close(): Promise<void>;
}

/** Milliseconds after which the brokers give up a transaction that nothing was heard of; they allow 15 minutes at most. */
const TRANSACTION_MS = 300_000;
const SOURCE = 'forward';

/**
 * Opens the writer of a data folder. Another one of the same folder, which may still be at work without knowing that it is given up, can write
 * nothing more from now on, and what it had not committed never counts. Rejects when the brokers cannot be reached.
 */
export async function openWriter(
  options: ForwardOptions,
  instance: string,
  log: SourceEvents['log'],
): Promise<Writer> {
  const { topic } = options;
  const id = `flowsentry-${instance}-${SOURCE}`;
  const client = await openKafka({ ...options, name: SOURCE }, id, log);
  const producer = client.kafka.producer({
    transactionalId: id,
    idempotent: true,
    maxInFlightRequests: 1,
    transactionTimeout: TRANSACTION_MS,
    // Until the brokers give the transaction up: a message that is given up before may be there or not.
    retry: { retries: Number.MAX_SAFE_INTEGER },
    allowAutoTopicCreation: false,
    createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
  });
  const admin = client.kafka.admin();
  const close = async (): Promise<void> => {
    await Promise.allSettled([producer.disconnect(), admin.disconnect()]);
    client.close();
  };
  const compression = kafkajs.CompressionTypes[options.compression === 'gzip' ? 'GZIP' : 'None'];
  let transaction: Transaction | undefined;
  try {
    await admin.connect();
    await admin.fetchTopicMetadata({ topics: [topic] });
    await producer.connect();
  } catch (error) {
    await close();
    throw error;
  }
  return {
    async committed() {
      // The offset of a group that nobody reads with is the number.
      const [found] = await admin.fetchOffsets({ groupId: id, topics: [topic] });
      return Number(found?.partitions.find(({ partition }) => partition === 0)?.offset ?? -1);
    },
    async send(batches) {
      transaction ??= await producer.transaction();
      for (const messages of batches) await transaction.send({ topic, compression, messages: [...messages] });
    },
    get isOpen() {
      return transaction !== undefined;
    },
    async commit(seq) {
      transaction ??= await producer.transaction();
      await transaction.sendOffsets({
        consumerGroupId: id,
        topics: [{ topic, partitions: [{ partition: 0, offset: String(seq) }] }],
      });
      await transaction.commit();
      transaction = undefined;
    },
    close,
  };
}
