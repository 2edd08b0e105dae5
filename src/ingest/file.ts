import { type FileHandle, open } from 'node:fs/promises';
import { type Chunks, type DamagedEnd, inflate } from './gunzip.ts';

/** Bytes of a chunk of an uncompressed file, about. */
const CHUNK_BYTES = 1 << 20;
/** Bytes of a compressed file that are inflated at a time: at zlib's highest ratio they become 32 MiB. */
const INPUT_BYTES = 32 << 10;

/** What a file holds by its first bytes, never by its name. */
export type FileContent =
  | { readonly kind: 'bytes'; readonly chunks: Chunks }
  | { readonly kind: 'parquet'; readonly file: RandomAccessFile; readonly close: () => Promise<void> };

/** A file that can be read at any place. */
interface RandomAccessFile {
  readonly byteLength: number;
  slice(start: number, end?: number): Promise<ArrayBuffer>;
}

/**
 * Opens a file; whoever reads it to its end, leaves the loop early or calls `close` closes it. Chunks are uncompressed bytes, valid until the
 * next chunk is asked for. `onRead` hears how many bytes of the file, as it lies on disk, have been read. Throws what the file system throws.
 */
export async function openFile(path: string, onRead?: (bytes: number) => void): Promise<FileContent> {
  return contentOf(await open(path), onRead);
}

/** As {@link openFile}, of a file that is open, whatever its name is by now. It is closed with the content, or when this fails. */
export async function contentOf(
  file: FileHandle,
  onRead: (bytes: number) => void = () => {},
): Promise<FileContent> {
  try {
    const head = Buffer.alloc(4);
    const { bytesRead } = await file.read(head, 0, 4, 0);
    if (bytesRead === 4 && head.toString('latin1') === 'PAR1')
      return { kind: 'parquet', file: await randomAccess(file), close: () => file.close() };
    const chunks = isGzip(head)
      ? unwrap(() => inflate(() => readChunks(file, INPUT_BYTES, onRead)))
      : readChunks(file, CHUNK_BYTES, onRead);
    return { kind: 'bytes', chunks: closing(file, chunks) };
  } catch (error) {
    await file.close();
    throw error;
  }
}

function isGzip(head: Uint8Array): boolean {
  return head[0] === 0x1f && head[1] === 0x8b;
}

/** Some shippers compress what is compressed already: a second layer comes off too, a third is nobody's log. */
async function* unwrap(openOuter: () => Chunks): AsyncGenerator<Uint8Array | DamagedEnd> {
  let inner: boolean | undefined;
  for await (const chunk of openOuter()) {
    inner ??= !('damage' in chunk) && isGzip(chunk);
    if (inner) break;
    yield chunk;
  }
  if (inner) yield* inflate(openOuter);
}

async function* closing(file: FileHandle, chunks: Chunks): AsyncGenerator<Uint8Array | DamagedEnd> {
  try {
    yield* chunks;
  } finally {
    await file.close();
  }
}

/** Reads the file from its begin. */
async function* readChunks(
  file: FileHandle,
  size: number,
  onRead: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  // Two buffers: the next is read while the last is in use.
  const buffers = [Buffer.allocUnsafeSlow(size), Buffer.allocUnsafeSlow(size)];
  let turn = 0;
  let at = 0;
  let next = file.read(buffers[0]!, 0, size, at);
  try {
    for (;;) {
      const { bytesRead } = await next;
      if (bytesRead === 0) return;
      const current = buffers[turn]!;
      turn = 1 - turn;
      at += bytesRead;
      onRead(at);
      next = file.read(buffers[turn]!, 0, size, at);
      yield current.subarray(0, bytesRead);
    }
  } finally {
    // Left early: the read under way is nobody's, and so is its error.
    next.catch(() => {});
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
