import { type FileHandle, open } from 'node:fs/promises';
import { constants, createGunzip } from 'node:zlib';

/** Bytes of a chunk that a source yields, about. */
const CHUNK_BYTES = 1 << 20;
/** Bytes of compressed input that are inflated at a time. */
const INPUT_BYTES = 128 << 10;
/** Past {@link BOMB_FLOOR} inflated bytes a ratio above this is a bomb: real flow logs compress 5 to 20 times. */
const BOMB_RATIO = 200;
const BOMB_FLOOR = 64 << 20;

/** A source that can't be read to its end: what came before is good. */
export interface DamagedEnd {
  readonly damage: 'bad-gzip';
  readonly note: string;
}

/** What a file holds by its first bytes, never by its name. */
export type FileContent =
  | { readonly kind: 'bytes'; readonly chunks: AsyncIterable<Uint8Array | DamagedEnd> }
  | { readonly kind: 'parquet'; readonly file: RandomAccessFile; readonly close: () => Promise<void> };

/** A file that can be read at any place. */
export interface RandomAccessFile {
  readonly byteLength: number;
  slice(start: number, end?: number): Promise<ArrayBuffer>;
}

/**
 * Opens a file. Its chunks are uncompressed bytes, valid until the next chunk is asked for. Throws what the file system throws.
 */
export async function openFile(path: string): Promise<FileContent> {
  const file = await open(path);
  try {
    const head = Buffer.alloc(4);
    const { bytesRead } = await file.read(head, 0, 4, 0);
    if (bytesRead === 4 && head.toString('latin1') === 'PAR1')
      return { kind: 'parquet', file: await randomAccess(file), close: () => file.close() };
    const zipped = bytesRead >= 2 && head[0] === 0x1f && head[1] === 0x8b;
    const raw = readChunks(file, zipped ? INPUT_BYTES : CHUNK_BYTES);
    return { kind: 'bytes', chunks: zipped ? inflate(raw) : raw };
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function randomAccess(file: FileHandle): Promise<RandomAccessFile> {
  const { size } = await file.stat();
  return {
    byteLength: size,
    async slice(start, end = size) {
      const from = Math.max(0, start < 0 ? size + start : start);
      const bytes = new Uint8Array(Math.max(0, Math.min(end, size) - from));
      let read = 0;
      while (read < bytes.length) {
        const { bytesRead } = await file.read(bytes, read, bytes.length - read, from + read);
        if (bytesRead === 0) break;
        read += bytesRead;
      }
      return bytes.buffer;
    },
  };
}

/** Reads the file from its begin and closes it. */
async function* readChunks(file: FileHandle, size: number): AsyncGenerator<Uint8Array> {
  try {
    // Two buffers: the next is read while the last is in use.
    const buffers = [new Uint8Array(size), new Uint8Array(size)];
    let turn = 0;
    let at = 0;
    let next = file.read(buffers[0]!, 0, size, at);
    for (;;) {
      const { bytesRead } = await next;
      if (bytesRead === 0) return;
      const current = buffers[turn]!;
      turn = 1 - turn;
      at += bytesRead;
      next = file.read(buffers[turn]!, 0, size, at);
      // An error shows up at the next await; until then it is nobody's.
      next.catch(() => {});
      yield current.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

/**
 * Inflates gzip, concatenated members included. Inflating runs on the thread pool, one input ahead of the reader. All that could be
 * inflated before an error is yielded, then the damage.
 */
export async function* inflate(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array | DamagedEnd> {
  const gunzip = createGunzip({ chunkSize: CHUNK_BYTES, finishFlush: constants.Z_FINISH });
  let queue: Uint8Array[] = [];
  let note: string | undefined;
  let input = 0;
  let output = 0;
  gunzip.on('data', (chunk: Uint8Array) => {
    output += chunk.length;
    queue.push(chunk);
    if (output > BOMB_FLOOR && output > input * BOMB_RATIO) {
      note = `inflates more than ${BOMB_RATIO} times: refused`;
      gunzip.destroy();
    }
  });
  const settled = new Promise<void>((resolve) => {
    gunzip.once('end', resolve);
    gunzip.once('close', resolve);
    gunzip.on('error', (error) => {
      note ??= error.message;
      resolve();
    });
  });
  const take = (): Uint8Array[] => {
    const ready = queue;
    queue = [];
    return ready;
  };
  try {
    let pending: Promise<void> | undefined;
    for await (const chunk of source) {
      input += chunk.length;
      await pending;
      if (note !== undefined) break;
      const ready = take();
      // The source re-uses its buffers, and this one is inflated while the next is read.
      const copy = Buffer.from(chunk);
      const written = new Promise<void>((resolve) => gunzip.write(copy, () => resolve()));
      pending = Promise.race([written, settled]);
      yield* ready;
    }
    await pending;
    if (note === undefined) gunzip.end();
    await settled;
    yield* take();
    if (note !== undefined) yield { damage: 'bad-gzip', note };
  } finally {
    gunzip.destroy();
  }
}
