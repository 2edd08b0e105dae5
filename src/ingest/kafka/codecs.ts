import { promisify } from 'node:util';
import { gunzip, zstdDecompress } from 'node:zlib';
import lz4 from 'lz4js';
import snappy from 'snappyjs';

/** A set of messages may inflate to so much: brokers take at most 1 MiB of compressed ones unless told otherwise. */
const MAX_BYTES = 256 << 20;
/** Java's writers put blocks of snappy into a frame of their own (xerial): magic, two versions, then each block behind its length. */
const XERIAL = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const XERIAL_HEADER = 16;

const unzip = promisify(gunzip);
const unzstd = promisify(zstdDecompress);

/** Unpacks what Kafka names by this number. Rejects when it is damaged, or too much. */
export async function decompress(codec: number, bytes: Buffer): Promise<Buffer> {
  switch (codec) {
    case 0:
      return bytes;
    case 1:
      return unzip(bytes, { maxOutputLength: MAX_BYTES });
    case 2:
      return unsnap(bytes);
    case 3:
      return viewOf(lz4.decompress(bytes, MAX_BYTES));
    case 4:
      return unzstd(bytes, { maxOutputLength: MAX_BYTES });
    default:
      throw new Error(`the compression ${codec} is not known`);
  }
}

function unsnap(bytes: Buffer): Buffer {
  if (!bytes.subarray(0, XERIAL.length).equals(XERIAL)) return viewOf(snappy.uncompress(bytes, MAX_BYTES));
  const blocks: Uint8Array[] = [];
  let total = 0;
  for (let at = XERIAL_HEADER; at + 4 <= bytes.length; ) {
    const length = bytes.readUInt32BE(at);
    const block = snappy.uncompress(bytes.subarray(at + 4, at + 4 + length), MAX_BYTES - total);
    total += block.length;
    blocks.push(block);
    at += 4 + length;
  }
  return Buffer.concat(blocks);
}

function viewOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
