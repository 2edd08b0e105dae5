/** A typed array that a snapshot can hold. */
export type Column = Uint8Array | Uint16Array | Uint32Array | Int32Array | Float64Array;

const KINDS = {
  Uint8Array,
  Uint16Array,
  Uint32Array,
  Int32Array,
  Float64Array,
} as const;

const ZEROS = new Uint8Array(8);

interface Entry {
  readonly name: string;
  readonly kind: keyof typeof KINDS;
  readonly length: number;
}

/**
 * A snapshot in parts, to be written one behind the other: large ones are not copied. They are views of what was packed: valid until that
 * changes.
 */
export interface SnapshotParts {
  readonly byteLength: number;
  readonly parts: readonly Uint8Array[];
}

/**
 * Packs named columns and one JSON value into bytes: a 4-byte little-endian header length, the header as JSON, the columns, each
 * padded to 8 bytes. State that a detector or the rollup keeps survives a crash in this form. Snapshots are columns of snapshots.
 */
export function packSnapshot(
  columns: Readonly<Record<string, Column | SnapshotParts>>,
  meta: unknown,
): Uint8Array {
  return joined(packParts(columns, meta));
}

/** As {@link packSnapshot}, without copying. */
export function packParts(
  columns: Readonly<Record<string, Column | SnapshotParts>>,
  meta: unknown,
): SnapshotParts {
  const entries: Entry[] = [];
  const parts: Uint8Array[] = [];
  let byteLength = 0;
  const put = (part: Uint8Array): void => {
    parts.push(part);
    byteLength += part.length;
  };
  const align = (): void => {
    if (byteLength % 8 !== 0) put(ZEROS.subarray(byteLength % 8));
  };
  for (const [name, column] of Object.entries(columns)) {
    if ('parts' in column) {
      entries.push({ name, kind: 'Uint8Array', length: column.byteLength });
      for (const part of column.parts) put(part);
    } else {
      entries.push({ name, kind: column.constructor.name as keyof typeof KINDS, length: column.length });
      put(new Uint8Array(column.buffer, column.byteOffset, column.byteLength));
    }
    align();
  }
  const header = Buffer.from(JSON.stringify({ entries, meta }), 'utf8');
  const start = new Uint8Array(pad(4 + header.length));
  new DataView(start.buffer).setUint32(0, header.length, true);
  start.set(header, 4);
  return { byteLength: start.length + byteLength, parts: [start, ...parts] };
}

/** The parts as one. */
export function joined({ byteLength, parts }: SnapshotParts): Uint8Array {
  const out = new Uint8Array(byteLength);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
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
