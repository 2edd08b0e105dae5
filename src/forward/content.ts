import { gunzipSync } from 'node:zlib';
import { UserError } from '../errors.ts';
import type { Delivery } from '../ingest/source.ts';
import { createItemReader, type Item, type ItemReader } from './items.ts';

/** Streams whose format is remembered; the one that was silent longest is forgotten first. */
const MAX_READERS = 256;
/** Bytes a compressed message may become. */
const MAX_MESSAGE_BYTES = 64 << 20;

/** Takes deliveries apart. */
export interface ContentReader {
  /**
   * Gives its items to `take`. Yields now and then, so that whoever reads can send them on: of an object the offset that was reached, from
   * which it can be read on; of messages nothing, since they count together.
   */
  read(partition: string, delivery: Delivery): AsyncGenerator<number | undefined>;
  /** Where an object ended. */
  reached(): number;
}

export function createContentReader(take: (item: Item) => void): ContentReader {
  const readers = new Map<string, ItemReader>();
  let end = 0;

  async function* object(
    { from, format }: Delivery,
    content: Extract<Delivery['content'], { kind: 'object' }>,
  ) {
    const opened = await content.open();
    if (opened.kind === 'parquet') {
      await opened.close();
      throw new UserError(
        'cannot forward Parquet: what is forwarded are lines and JSON documents as they came',
      );
    }
    let count = 0;
    const reader = createItemReader(format, (item) => {
      if (count++ >= from) take(item);
    });
    let damage: string | undefined;
    for await (const chunk of opened.chunks) {
      if ('damage' in chunk) damage = chunk.note;
      else reader.push(chunk, false);
      end = Math.max(count, from);
      yield end;
    }
    reader.push(new Uint8Array(0), true);
    if (damage !== undefined) take({ key: undefined, header: undefined, bytes: Buffer.from(damage) });
    end = Math.max(count, from);
  }

  return {
    async *read(partition, delivery) {
      const { content, format } = delivery;
      if (content.kind === 'object') {
        yield* object(delivery, content);
        return;
      }
      const key = `${partition} ${format ?? ''}`;
      const reader = readers.get(key) ?? createItemReader(format, take);
      readers.delete(key);
      if (!delivery.last) readers.set(key, reader);
      if (readers.size > MAX_READERS) readers.delete(readers.keys().next().value ?? '');
      for (const message of content.messages) {
        reader.push(unzipped(message), true);
        yield undefined;
      }
    },
    reached: () => end,
  };
}

/** A message that is a gzip file; one that is damaged goes on as it is, to be refused where it is read. */
function unzipped(message: Uint8Array): Uint8Array {
  if (message[0] !== 0x1f || message[1] !== 0x8b) return message;
  try {
    return gunzipSync(message, { maxOutputLength: MAX_MESSAGE_BYTES });
  } catch {
    return message;
  }
}
