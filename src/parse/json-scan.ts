/** Deeper documents are refused: no flow log nests more than a handful of levels. */
const MAX_DEPTH = 32;
/** Larger documents are refused; a CloudWatch payload can't exceed a few megabytes. */
export const MAX_DOCUMENT = 16 << 20;

/** Where the reading of one document stands; survives from chunk to chunk. */
export interface JsonScan {
  /** Bytes of the document seen so far. */
  seen: number;
  depth: number;
  /** Bit d is set when level d is an object, clear when an array. */
  kinds: number;
  inString: boolean;
  escaped: boolean;
  /** Last character that was not blank, outside strings; a quote for a string, `0` for a number or word. */
  last: number;
}

export function createJsonScan(): JsonScan {
  return { seen: 0, depth: 0, kinds: 0, inString: false, escaped: false, last: 0 };
}

export function resetJsonScan(scan: JsonScan): void {
  scan.seen = 0;
  scan.depth = 0;
  scan.kinds = 0;
  scan.inString = false;
  scan.escaped = false;
  scan.last = 0;
}

export const SCAN = { more: -1, broken: -2, tooDeep: -3, tooLong: -4 } as const;

const QUOTE = 34;
const COMMA = 44;
const COLON = 58;
const OPEN_LIST = 91;
const CLOSE_LIST = 93;
const OPEN_OBJECT = 123;
const CLOSE_OBJECT = 125;
const WORD = 48;

/**
 * Finds the end of the JSON object, array or string that begins at `from`, going on where the last call stopped. Returns the position after it or
 * one of {@link SCAN}. Broken JSON is noticed at the first byte that can't go on (a line break inside a string, an object right after
 * another), so that a cut-off document doesn't swallow the ones after it; JSON.parse has the last word.
 */
export function scanJson(scan: JsonScan, bytes: Uint8Array, from: number, to: number): number {
  const limit = Math.min(to, from + MAX_DOCUMENT);
  let { inString, escaped, depth, kinds, last } = scan;
  let i = from + scan.seen;
  for (; i < limit; i++) {
    const c = bytes[i]!;
    if (inString) {
      if (escaped) escaped = false;
      else if (c === 92) escaped = true;
      else if (c === QUOTE) {
        if (depth === 0) return i + 1;
        inString = false;
        last = QUOTE;
      } else if (c < 32) return SCAN.broken;
      continue;
    }
    if (c === 32 || c === 10 || c === 13 || c === 9) continue;
    const afterValue = last === QUOTE || last === WORD || last === CLOSE_LIST || last === CLOSE_OBJECT;
    if (c === QUOTE) {
      if (afterValue) return SCAN.broken;
      inString = true;
    } else if (c === OPEN_OBJECT || c === OPEN_LIST) {
      if (afterValue || last === OPEN_OBJECT) return SCAN.broken;
      if (++depth > MAX_DEPTH) return SCAN.tooDeep;
      kinds = c === OPEN_OBJECT ? kinds | (1 << (depth - 1)) : kinds & ~(1 << (depth - 1));
      last = c;
    } else if (c === CLOSE_OBJECT || c === CLOSE_LIST) {
      const isObject = (kinds & (1 << (depth - 1))) !== 0;
      if (isObject !== (c === CLOSE_OBJECT) || last === COMMA || last === COLON) return SCAN.broken;
      last = c;
      if (--depth === 0) return i + 1;
    } else if (c === COMMA || c === COLON) {
      if (!afterValue) return SCAN.broken;
      last = c;
    } else if (c > 32 && c < 127) {
      if (last === QUOTE || last === CLOSE_LIST || last === CLOSE_OBJECT) return SCAN.broken;
      last = WORD;
    } else {
      return SCAN.broken;
    }
  }
  if (limit < to) return SCAN.tooLong;
  scan.seen = i - from;
  scan.inString = inString;
  scan.escaped = escaped;
  scan.depth = depth;
  scan.kinds = kinds;
  scan.last = last;
  return SCAN.more;
}
