import { gunzipSync } from 'node:zlib';
import { DEFAULT_FIELDS } from '../parse/fields.ts';
import { type Format, parseFormat, parseHeader } from '../parse/format.ts';
import { createJsonScan, resetJsonScan, SCAN, scanJson } from '../parse/json-scan.ts';
import { MAX_LINE } from '../parse/limits.ts';

/** One line or document, as it came. */
export interface Item {
  /** The interface that it is of, when it says so. */
  readonly key: string | undefined;
  /** The names of the line's fields, as a line; undefined for a document, which names its own. */
  readonly header: string | undefined;
  /** Without its line end; valid until the next bytes are given. */
  readonly bytes: Uint8Array;
}

export interface ItemReader {
  /** Bytes of the source in order; what is not complete is kept. `last`: nothing follows. */
  push(bytes: Uint8Array, last: boolean): void;
}

const NEWLINE = 10;
const SPACE = 32;
/** Names of the field by which records are told apart, the best first. */
const KEY_FIELDS = ['interface-id', 'tgw-attachment-id'];
/** An interface's id wherever it stands in a document. */
const INTERFACE = /\beni-[0-9a-f]{8,17}\b/;
/** A document in base64 of gzip begins so. */
const PACKED = Buffer.from('H4sI');
const MAX_UNPACKED = 64 << 20;
const TRANSIT = /^6\s+TransitGateway\s+\S+\s+\S+\s+(\S+)/;

interface Known {
  readonly header: string;
  readonly format: Format;
  readonly keyAt: number;
}

/**
 * Cuts what a source brings into lines and JSON documents, byte for byte, and finds of which interface each is. Headers are not items: each
 * line carries the one that holds for it. `format`: AWS's `${…}` or a header, when the source knows it.
 */
export function createItemReader(format: string | undefined, take: (item: Item) => void): ItemReader {
  let known = knownOf(format === undefined ? undefined : parseFormat(format), undefined);
  let kept: Buffer = Buffer.alloc(0);
  const scan = createJsonScan();

  const line = (bytes: Buffer): void => {
    const text = bytes.toString('latin1').trim();
    if (text === '' || text.startsWith('#')) return;
    const header = /^[A-Za-z"$]/.test(text) ? parseHeader(text) : undefined;
    if (header !== undefined) known = knownOf(header, text);
    else if (bytes.subarray(0, PACKED.length).equals(PACKED))
      take({ key: interfaceIn(unpacked(bytes)), header: undefined, bytes });
    else take({ key: TRANSIT.exec(text)?.[1] ?? fieldOf(text, known), header: known.header, bytes });
  };

  return {
    push(chunk, last) {
      const bytes = kept.length === 0 ? Buffer.from(chunk) : Buffer.concat([kept, chunk]);
      let at = 0;
      while (at < bytes.length) {
        const c = bytes[at] as number;
        if (c <= SPACE) {
          at++;
          continue;
        }
        if (c === 0x7b || c === 0x5b) {
          const end = scanJson(scan, bytes, at, bytes.length);
          resetJsonScan(scan);
          if (end === SCAN.more && !last) break;
          if (end >= 0) {
            const document = bytes.subarray(at, end);
            take({ key: interfaceIn(document), header: undefined, bytes: document });
            at = end;
            continue;
          }
        }
        const newline = bytes.indexOf(NEWLINE, at);
        if (newline < 0 && !last && bytes.length - at <= MAX_LINE) break;
        const end = newline < 0 ? bytes.length : newline;
        line(bytes.subarray(at, end));
        at = end;
      }
      kept = last ? Buffer.alloc(0) : Buffer.from(bytes.subarray(at));
    },
  };
}

function knownOf(format: Format | undefined, header: string | undefined): Known {
  const { fields, separator } = format ?? { fields: DEFAULT_FIELDS, separator: ' ' as const };
  const keyAt = KEY_FIELDS.map((name) => fields.indexOf(name)).find((at) => at >= 0) ?? -1;
  return {
    header: header ?? fields.join(separator),
    format: format ?? { fields, unknown: [], separator },
    keyAt,
  };
}

function fieldOf(text: string, { format, keyAt }: Known): string | undefined {
  if (keyAt < 0) return undefined;
  const field = text.split(format.separator === ' ' ? /[ \t]+/ : format.separator, keyAt + 1)[keyAt];
  const plain = field?.trim().replaceAll('"', '');
  return plain === undefined || plain === '' || plain === '-' ? undefined : plain;
}

function interfaceIn(bytes: Buffer): string | undefined {
  return INTERFACE.exec(bytes.toString('latin1'))?.[0];
}

function unpacked(bytes: Buffer): Buffer {
  try {
    return gunzipSync(Buffer.from(bytes.toString('latin1').trim(), 'base64'), {
      maxOutputLength: MAX_UNPACKED,
    });
  } catch {
    return bytes;
  }
}
