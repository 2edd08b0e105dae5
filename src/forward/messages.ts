import { gzipSync } from 'node:zlib';
import { UserError } from '../errors.ts';
import type { Item } from './items.ts';

export interface OutMessage {
  readonly key: string | null;
  readonly value: Buffer;
}

/** Puts items together into messages, and messages into batches. */
export interface Packer {
  add(item: Item): void;
  /** Bytes of items that wait. */
  readonly waiting: number;
  /** What waits, in batches that a broker takes; nothing waits then. */
  take(): OutMessage[][];
}

/** Bytes of lines in a message, about: enough that its header costs little. */
const MESSAGE_BYTES = 64 << 10;
/** Bytes that a message costs beside its own, about. */
const OVERHEAD = 128;

interface Open {
  readonly key: string | null;
  readonly parts: Uint8Array[];
  bytes: number;
}

/**
 * Lines of one interface and format stand together in a message, in their order, after a line with the names of their fields: whoever reads
 * it needs to know nothing else. A document is a message of its own; one that is too large is packed with gzip. `maxBytes`: no message and
 * no batch may be larger. Throws a UserError for what no broker would take.
 */
export function createPacker(maxBytes: number): Packer {
  const limit = Math.min(MESSAGE_BYTES, maxBytes / 2);
  let open = new Map<string, Open>();
  let done: OutMessage[] = [];
  let waiting = 0;

  const close = ({ key, parts }: Open): void => {
    done.push({ key, value: Buffer.concat(parts) });
  };

  return {
    get waiting() {
      return waiting;
    },
    add({ key = null, header, bytes }) {
      waiting += bytes.length;
      if (header === undefined) {
        const value = Buffer.from(bytes);
        done.push({ key, value: value.length + OVERHEAD <= maxBytes ? value : gzipSync(value) });
        return;
      }
      const name = `${key}\n${header}`;
      let message = open.get(name);
      if (message !== undefined && message.bytes + bytes.length >= limit) {
        close(message);
        message = undefined;
      }
      if (message === undefined) {
        const first = Buffer.from(`${header}\n`);
        message = { key, parts: [first], bytes: first.length };
        open.set(name, message);
      }
      message.parts.push(Buffer.from(bytes), NEWLINE);
      message.bytes += bytes.length + 1;
    },
    take() {
      for (const message of open.values()) close(message);
      const batches: OutMessage[][] = [];
      let size = Number.POSITIVE_INFINITY;
      for (const message of done) {
        const bytes = message.value.length + (message.key?.length ?? 0) + OVERHEAD;
        if (bytes > maxBytes)
          throw new UserError(
            `cannot forward a document of ${message.value.length} bytes: raise forward.maxMessageBytes, and max.message.bytes of the topic`,
          );
        if (size + bytes > maxBytes) {
          batches.push([]);
          size = 0;
        }
        batches.at(-1)?.push(message);
        size += bytes;
      }
      open = new Map();
      done = [];
      waiting = 0;
      return batches;
    },
  };
}

const NEWLINE = Buffer.from('\n');
