/**
 * A value in Thrift's compact protocol, as far as Parquet's metadata has them.
 * https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
 */
export interface Thrift {
  readonly type: number;
  write(out: number[]): void;
}

const STRUCT = 12;

export function i32(value: number): Thrift {
  return { type: 5, write: (out) => varint(out, value * 2) };
}

/** Up to 2^52. */
export function i64(value: number): Thrift {
  return { type: 6, write: (out) => varint(out, value * 2) };
}

/** As a field of a structure, where its type says its value. */
export function bool(value: boolean): Thrift {
  return { type: value ? 1 : 2, write: () => {} };
}

export function binary(bytes: Uint8Array): Thrift {
  return {
    type: 8,
    write(out) {
      varint(out, bytes.length);
      for (const byte of bytes) out.push(byte);
    },
  };
}

export function text(value: string): Thrift {
  return binary(Buffer.from(value, 'utf8'));
}

/** Of at least one item, all of one type. */
export function list(items: readonly Thrift[]): Thrift {
  return {
    type: 9,
    write(out) {
      const { type } = items[0]!;
      if (items.length < 15) out.push((items.length << 4) | type);
      else {
        out.push(0xf0 | type);
        varint(out, items.length);
      }
      for (const item of items) item.write(out);
    },
  };
}

/** Fields by their ids; those that are undefined are left out. */
export function struct(fields: Readonly<Record<number, Thrift | undefined>>): Thrift {
  return {
    type: STRUCT,
    write(out) {
      let last = 0;
      // Keys that are whole numbers come in ascending order, as the protocol wants them.
      for (const [key, value] of Object.entries(fields)) {
        if (value === undefined) continue;
        out.push(((Number(key) - last) << 4) | value.type);
        last = Number(key);
        value.write(out);
      }
      out.push(0);
    },
  };
}

export function encodeThrift(value: Thrift): Uint8Array {
  const out: number[] = [];
  value.write(out);
  return Uint8Array.from(out);
}

/** Appends a number, not negative, in groups of seven bits, the lowest first. */
export function varint(out: number[], value: number): void {
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) out.push((rest % 128) | 128);
  out.push(rest);
}
