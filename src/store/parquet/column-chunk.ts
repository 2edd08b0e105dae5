import { constants, zstdCompressSync } from 'node:zlib';
import type { ColumnValues } from './column-values.ts';
import type { Scratch } from './scratch.ts';
import { encodeThrift, i32, struct, type Thrift, varint } from './thrift.ts';

/** Bytes of a chunk below which it is not compressed: a call costs as much as some thousand values. */
const MIN_COMPRESSED = 256;
/** Level 1 costs a third less than the default 3, and a few per cent of size. */
const ZSTD = { [constants.ZSTD_c_compressionLevel]: 1 };

const ENCODING = { plain: 0, rle: 3, rleDictionary: 8 } as const;
const CODEC = { none: 0, zstd: 6 } as const;
const PAGE = { data: 0, dictionary: 2 } as const;

/** A column of a row group as it stands in the file: the page of the dictionary, if it has one, then that of the rows. */
export interface ColumnChunk {
  readonly parts: readonly Uint8Array[];
  /** Bytes up to the page of the rows; 0 = there is no dictionary. */
  readonly dictionaryBytes: number;
  readonly bytes: number;
  readonly uncompressedBytes: number;
  readonly codec: number;
  readonly encodings: readonly number[];
}

/** `rows`: all of them, with and without a value. The chunk keeps nothing of the scratch. */
export function encodeChunk(scratch: Scratch, values: ColumnValues, rows: number): ColumnChunk {
  const data = dataPage(scratch, values, rows);
  const { plain, entries, count } = values;
  const hasDictionary = entries > 0 && count > 0;
  const raw = data.length + (hasDictionary ? plain.bytes.length : 0);
  const codec = raw < MIN_COMPRESSED ? CODEC.none : CODEC.zstd;
  const pack = (bytes: Uint8Array): Uint8Array => (codec === CODEC.none ? bytes.slice() : compress(bytes));
  const parts: Uint8Array[] = [];
  let bytes = 0;
  let uncompressedBytes = 0;
  const add = (type: number, body: Uint8Array, kind: Readonly<Record<number, Thrift>>): void => {
    const packed = pack(body);
    const header = encodeThrift(
      struct({ 1: i32(type), 2: i32(body.length), 3: i32(packed.length), ...kind }),
    );
    parts.push(header, packed);
    bytes += header.length + packed.length;
    uncompressedBytes += header.length + body.length;
  };
  if (hasDictionary)
    add(PAGE.dictionary, plain.bytes, { 7: struct({ 1: i32(entries), 2: i32(ENCODING.plain) }) });
  const dictionaryBytes = bytes;
  const encoding = hasDictionary ? ENCODING.rleDictionary : ENCODING.plain;
  add(PAGE.data, data, {
    5: struct({ 1: i32(rows), 2: i32(encoding), 3: i32(ENCODING.rle), 4: i32(ENCODING.rle) }),
  });
  const encodings = hasDictionary ? [ENCODING.plain, encoding, ENCODING.rle] : [encoding, ENCODING.rle];
  return { parts, dictionaryBytes, bytes, uncompressedBytes, codec, encodings };
}

/**
 * With room for all that may come out, zstd works from the page itself; with less it copies the page, and what it makes of it, piece by
 * piece. The copy here keeps the chunk from holding that room.
 */
function compress(page: Uint8Array): Uint8Array {
  return new Uint8Array(zstdCompressSync(page, { params: ZSTD, chunkSize: compressBound(page.length) }));
}

/** Bytes that zstd makes of `length` at most: `ZSTD_COMPRESSBOUND` of zstd.h. */
function compressBound(length: number): number {
  return length + (length >>> 8) + (length < 1 << 17 ? ((1 << 17) - length) >>> 11 : 0);
}

/** Which rows have a value, then the values or their indexes; valid until the next one. */
function dataPage(scratch: Scratch, { count, entries, plain }: ColumnValues, rows: number): Uint8Array {
  const levels: number[] = [];
  const groups = Math.ceil(rows / 8);
  const mixed = count > 0 && count < rows;
  if (mixed) varint(levels, groups * 2 + 1);
  else {
    varint(levels, rows * 2);
    levels.push(count === 0 ? 0 : 1);
  }
  const levelBytes = levels.length + (mixed ? groups : 0);
  const page = room(scratch, levelBytes + 16 + (entries > 0 ? count * 4 + 32 : plain.bytes.length));
  new DataView(page.buffer).setUint32(0, levelBytes, true);
  page.set(levels, 4);
  if (mixed) page.set(scratch.levels.subarray(0, groups), 4 + levels.length);
  const at = 4 + levelBytes;
  if (count === 0) return page.subarray(0, at);
  if (entries > 0) return page.subarray(0, writeIndexes(page, at, scratch, count, entries));
  page.set(plain.bytes, at);
  return page.subarray(0, at + plain.bytes.length);
}

function room(scratch: Scratch, bytes: number): Uint8Array {
  if (scratch.page.length < bytes) scratch.page = new Uint8Array(bytes * 2);
  return scratch.page;
}

/**
 * Indexes of whole bytes, though fewer bits would do: what repeats then looks the same to zstd, which makes addresses and ports a third
 * smaller than with the fewest bits, and whole arrays are converted at once. Returns where they end.
 */
function writeIndexes(
  page: Uint8Array,
  from: number,
  { indexes, narrow }: Scratch,
  count: number,
  entries: number,
): number {
  const width = entries <= 256 ? 1 : entries <= 65_536 ? 2 : 4;
  const constant = entries === 1;
  const groups = Math.ceil(count / 8);
  const header = [width * 8];
  varint(header, constant ? count * 2 : groups * 2 + 1);
  page.set(header, from);
  const at = from + header.length;
  if (constant) {
    page[at] = 0;
    return at + 1;
  }
  const end = at + groups * 8 * width;
  page.fill(0, at + count * width, end);
  const whole = indexes.subarray(0, count);
  if (width === 1) page.set(whole, at);
  else if (width === 4) page.set(new Uint8Array(whole.buffer, 0, count * 4), at);
  else {
    narrow.set(whole);
    page.set(new Uint8Array(narrow.buffer, 0, count * 2), at);
  }
  return end;
}
