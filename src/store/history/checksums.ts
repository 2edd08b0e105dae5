import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { Segment } from './messages.ts';

/**
 * Bytes that one checksum stands for. A query reads the footer of every file, so a block is not much more than that; the manifest carries
 * some eleven bytes for each.
 */
const BLOCK = 256 << 10;

/** A stretch of a file. */
export interface Range {
  readonly from: number;
  readonly bytes: number;
}

/** A segment whose file is not what was written. */
export interface Damaged {
  readonly segment: Segment;
  /** What is wrong with it. */
  readonly reason: string;
  readonly isGone: boolean;
}

/** CRC-32 of each block of a file, and its length. */
export async function checksumsOf(path: string): Promise<{ checksums: number[]; bytes: number }> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const checksums: number[] = [];
    const block = Buffer.alloc(BLOCK);
    for (let i = 0; i * BLOCK < size; i++) checksums.push(await checksumOf(file, i, block));
    return { checksums, bytes: size };
  } finally {
    await file.close();
  }
}

async function checksumOf(file: FileHandle, index: number, block: Buffer): Promise<number> {
  let length = 0;
  while (length < BLOCK) {
    const { bytesRead } = await file.read(block, length, BLOCK - length, index * BLOCK + length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return crc32(block.subarray(0, length));
}

/**
 * What is wrong with a segment's file: its length, or a block that one of `ranges` touches (default: the whole file). Undefined when nothing
 * is; of a segment of before there were checksums only the length is known. Throws what says nothing of the file, such as too many open files.
 */
export async function damageOf(
  dataDir: string,
  segment: Segment,
  ranges: readonly Range[] = [{ from: 0, bytes: segment.bytes }],
): Promise<Damaged | undefined> {
  const { checksums = [] } = segment;
  const found = (reason: string, isGone = false): Damaged => ({ segment, reason, isGone });
  let file: FileHandle | undefined;
  try {
    file = await open(join(dataDir, segment.path), 'r');
    const { size } = await file.stat();
    if (size !== segment.bytes) return found(`it has ${size} bytes, not ${segment.bytes}`);
    const block = Buffer.alloc(BLOCK);
    for (const index of blocksOf(ranges)) {
      const expected = checksums[index];
      if (expected !== undefined && (await checksumOf(file, index, block)) !== expected)
        return found(`the checksum of block ${index + 1} of ${checksums.length} is wrong`);
    }
    return undefined;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return found('it is gone', true);
    if (code === 'EIO') return found(message);
    throw error;
  } finally {
    await file?.close();
  }
}

function blocksOf(ranges: readonly Range[]): Set<number> {
  const blocks = new Set<number>();
  for (const { from, bytes } of ranges)
    for (let index = Math.floor(from / BLOCK); index * BLOCK < from + bytes; index++) blocks.add(index);
  return blocks;
}
