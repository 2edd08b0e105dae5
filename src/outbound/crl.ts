/** When a list of revoked certificates was made and until when it counts, Unix seconds. `notAfter` is infinite when it does not say. */
export interface CrlTimes {
  readonly notBefore: number;
  readonly notAfter: number;
}

const BLOCK = /-----BEGIN X509 CRL-----([A-Za-z\d+/=\s]*)-----END X509 CRL-----/g;

/** Each list of a PEM text as a PEM text of its own: Node takes only the first of several in one. */
export function splitCrls(pem: string): string[] {
  return [...pem.matchAll(BLOCK)].map(([block]) => `${block}\n`);
}

const SEQUENCE = 0x30;
const INTEGER = 0x02;
const UTC_TIME = 0x17;
const GENERALIZED_TIME = 0x18;

/** Times of one list (RFC 5280 §5.1). Node reads lists only to judge by them, so that its end has to be read here. Throws when it is none. */
export function crlTimes(pem: string): CrlTimes {
  const base64 = new RegExp(BLOCK.source).exec(pem)?.[1];
  if (base64 === undefined) throw new Error('no list of revoked certificates in it');
  const der = Buffer.from(base64, 'base64');
  const list = readElement(der, 0, der.length, SEQUENCE);
  const body = readElement(der, list.start, list.end, SEQUENCE);
  let at = body.start;
  // An optional version, then the algorithm and the issuer, which say nothing of times.
  if (der[at] === INTEGER) at = readElement(der, at, body.end).end;
  at = readElement(der, at, body.end, SEQUENCE).end;
  at = readElement(der, at, body.end, SEQUENCE).end;
  const thisUpdate = readElement(der, at, body.end);
  const notBefore = readTime(der, thisUpdate);
  const tag = thisUpdate.end < body.end ? der[thisUpdate.end] : undefined;
  const hasNext = tag === UTC_TIME || tag === GENERALIZED_TIME;
  return {
    notBefore,
    notAfter: hasNext ? readTime(der, readElement(der, thisUpdate.end, body.end)) : Number.POSITIVE_INFINITY,
  };
}

interface Element {
  readonly tag: number;
  /** Of its content. */
  readonly start: number;
  readonly end: number;
}

function readElement(der: Uint8Array, at: number, limit: number, expected?: number): Element {
  const tag = der[at];
  let length = der[at + 1];
  let start = at + 2;
  if (tag === undefined || length === undefined || (expected !== undefined && tag !== expected))
    throw new Error('not a list of revoked certificates');
  if (length >= 0x80) {
    const bytes = length & 0x7f;
    if (bytes === 0 || bytes > 4) throw new Error('not a list of revoked certificates');
    length = 0;
    for (let i = 0; i < bytes; i++) length = length * 256 + (der[start++] ?? 0);
  }
  if (start + length > limit) throw new Error('a list of revoked certificates is cut off');
  return { tag, start, end: start + length };
}

function readTime(der: Buffer, { tag, start, end }: Element): number {
  const text = der.toString('latin1', start, end);
  const parts = (
    tag === UTC_TIME ? /^(\d{2})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/ : /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/
  ).exec(text);
  if (parts === null || (tag !== UTC_TIME && tag !== GENERALIZED_TIME))
    throw new Error('a list of revoked certificates has no readable time');
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts.slice(1).map(Number);
  // Two digits mean 1950 to 2049 (RFC 5280 §4.1.2.5.1).
  const full = tag === UTC_TIME ? year + (year < 50 ? 2000 : 1900) : year;
  return Date.UTC(full, month - 1, day, hour, minute, second) / 1000;
}
