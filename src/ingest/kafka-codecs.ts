import { zstdDecompressSync } from 'node:zlib';
import kafkajs from 'kafkajs';
import lz4 from 'lz4js';
import snappy from 'snappyjs';

/** A set of messages may inflate to so much: brokers take at most 1 MiB of compressed ones unless told otherwise. */
const MAX_BYTES = 256 << 20;
/** Java's writers put blocks of snappy into a frame of their own (xerial): magic, two versions, then each block behind its length. */
const XERIAL = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const XERIAL_HEADER = 16;

/** The client knows gzip by itself; the others it has to be taught. */
export function registerCodecs(): void {
  const { CompressionCodecs, CompressionTypes } = kafkajs;
  CompressionCodecs[CompressionTypes.Snappy] = reading(unsnap);
  CompressionCodecs[CompressionTypes.LZ4] = reading((bytes) => lz4.decompress(bytes, MAX_BYTES));
  CompressionCodecs[CompressionTypes.ZSTD] = reading((bytes) =>
    zstdDecompressSync(bytes, { maxOutputLength: MAX_BYTES }),
  );
}

function reading(decompress: (bytes: Uint8Array) => Uint8Array) {
  return () => ({
    decompress: async (bytes: Buffer) => Buffer.from(decompress(bytes)),
    compress: async (): Promise<Buffer> => {
      throw new Error('cannot write compressed messages');
    },
  });
}

function unsnap(bytes: Uint8Array): Uint8Array {
  const frame = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (!frame.subarray(0, XERIAL.length).equals(XERIAL)) return snappy.uncompress(frame, MAX_BYTES);
  const blocks: Uint8Array[] = [];
  let total = 0;
  for (let at = XERIAL_HEADER; at + 4 <= frame.length; ) {
    const length = frame.readUInt32BE(at);
    const block = snappy.uncompress(frame.subarray(at + 4, at + 4 + length), MAX_BYTES - total);
    total += block.length;
    blocks.push(block);
    at += 4 + length;
  }
  return Buffer.concat(blocks);
}
