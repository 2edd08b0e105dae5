import nb from '@duckdb/node-bindings';

/** The memory of a vector of UUIDs, which are little-endian numbers of 128 bits with their top bit flipped. */
export function storedUuids(vector: nb.Vector, rows: number): Uint32Array {
  const bytes = nb.vector_get_data(vector, rows * 16);
  return new Uint32Array(bytes.buffer as ArrayBuffer, bytes.byteOffset, rows * 4);
}

/** Copies `rows` stored UUIDs from word `from` on to addresses, four words each and the most significant first, from word `to` on. */
export function readUuids(
  stored: Uint32Array,
  from: number,
  words: Uint32Array,
  to: number,
  rows: number,
): void {
  for (let i = 0; i < rows * 4; i += 4) {
    words[to + i] = stored[from + i + 3]! ^ 0x80000000;
    words[to + i + 1] = stored[from + i + 2]!;
    words[to + i + 2] = stored[from + i + 1]!;
    words[to + i + 3] = stored[from + i]!;
  }
}
