/** A typed array that a snapshot can hold. */
export type Column = Uint8Array | Uint16Array | Uint32Array | Int32Array | Float64Array;

const KINDS = {
  Uint8Array,
  Uint16Array,
  Uint32Array,
  Int32Array,
  Float64Array,
} as const;

interface Entry {
  readonly name: string;
  readonly kind: keyof typeof KINDS;
  readonly length: number;
}

/**
 * Packs named columns and one JSON value into bytes: a 4-byte little-endian header length, the header as JSON, the columns, each
 * padded to 8 bytes. State that a detector or the rollup keeps survives a crash in this form.
 */
export function packSnapshot(columns: Readonly<Record<string, Column>>, meta: unknown): Uint8Array {
  const entries: Entry[] = [];
  let size = 0;
  for (const [name, column] of Object.entries(columns)) {
    entries.push({ name, kind: column.constructor.name as keyof typeof KINDS, length: column.length });
    size += pad(column.byteLength);
  }
  const header = Buffer.from(JSON.stringify({ entries, meta }), 'utf8');
  const start = pad(4 + header.length);
  const out = new Uint8Array(start + size);
  new DataView(out.buffer).setUint32(0, header.length, true);
  out.set(header, 4);
  let at = start;
  for (const column of Object.values(columns)) {
    out.set(new Uint8Array(column.buffer, column.byteOffset, column.byteLength), at);
    at += pad(column.byteLength);
  }
  return out;
}

/** What {@link packSnapshot} packed; the columns are copies. Throws a RangeError when the bytes are cut short. */
export function unpackSnapshot(bytes: Uint8Array): { columns: Map<string, Column>; meta: unknown } {
  const length = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0, true);
  const header = JSON.parse(Buffer.from(bytes.subarray(4, 4 + length)).toString('utf8')) as {
    entries: Entry[];
    meta: unknown;
  };
  const columns = new Map<string, Column>();
  let at = pad(4 + length);
  for (const entry of header.entries) {
    const Kind = KINDS[entry.kind];
    const column = new Kind(entry.length);
    if (at + column.byteLength > bytes.length)
      throw new RangeError(`cannot read snapshot: column ${entry.name} is cut short`);
    new Uint8Array(column.buffer).set(bytes.subarray(at, at + column.byteLength));
    columns.set(entry.name, column);
    at += pad(column.byteLength);
  }
  return { columns, meta: header.meta };
}

function pad(bytes: number): number {
  return (bytes + 7) & ~7;
}
