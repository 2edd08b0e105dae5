import { isUtf8 } from 'node:buffer';
import { TRANSIT_FIELDS } from './fields.ts';
import { DEFAULT_FORMAT, type Format, MAX_FIELDS, parseHeader } from './format.ts';
import { compilePlan, type Plan } from './plan.ts';
import { type Values, writeRow } from './row.ts';
import { REFUSED, ROW_OK, type RowSink } from './row-sink.ts';

const SPACE = 32;
const TAB = 9;
const TRANSIT_MARK = Buffer.from('TransitGateway');
/** AWS's log-delivery test write, which ends up glued to the first record. */
const DELIVERY_TEST = Buffer.from('Permission Check Successful');

/** Reads lines the careful way, knowing the format that the last header declared. */
export interface LineReader {
  readonly sink: RowSink;
  plan: Plan;
  readonly defaultPlan: Plan;
  transitPlan: Plan | undefined;
  /** Plans by header text: headers repeat. */
  readonly plans: Map<string, Plan>;
  readonly values: Values;
  /** Unknown field names that have been warned of. */
  readonly warned: Set<string>;
}

export function createLineReader(sink: RowSink, format: Format = DEFAULT_FORMAT): LineReader {
  const defaultPlan = compilePlan(DEFAULT_FORMAT);
  const reader: LineReader = {
    sink,
    plan: defaultPlan,
    defaultPlan,
    transitPlan: undefined,
    plans: new Map(),
    values: {
      bytes: new Uint8Array(0),
      from: new Int32Array(MAX_FIELDS + 1),
      to: new Int32Array(MAX_FIELDS + 1),
      count: 0,
    },
    warned: new Set(),
  };
  usePlan(reader, format);
  return reader;
}

/** A source can't make us keep more plans than this. */
const MAX_PLANS = 64;

function usePlan(reader: LineReader, format: Format): void {
  const key = format.separator + format.fields.join(' ');
  let plan = reader.plans.get(key);
  if (plan === undefined) {
    const isDefault =
      format.separator === ' ' && format.fields.join(' ') === reader.defaultPlan.format.fields.join(' ');
    plan = isDefault ? reader.defaultPlan : compilePlan(format);
    if (reader.plans.size >= MAX_PLANS) reader.plans.clear();
    reader.plans.set(key, plan);
  }
  reader.plan = plan;
  for (const name of format.unknown) {
    if (reader.warned.has(name) || reader.warned.size >= 1000) continue;
    reader.warned.add(name);
    reader.sink.options.warn(
      `unknown field ${JSON.stringify(name)} in ${reader.sink.options.source}: kept as a text column`,
    );
  }
}

/** Reads the line `bytes[from, to)` (without its newline), which is at byte `position` of the source. */
export function readLine(
  reader: LineReader,
  bytes: Uint8Array,
  from: number,
  to: number,
  position: number,
): void {
  let a = from;
  let b = to;
  while (b > a && isBlank(bytes[b - 1]!)) b--;
  if (bytes[a] === 0xef && bytes[a + 1] === 0xbb && bytes[a + 2] === 0xbf && a + 3 <= b) a += 3;
  while (a < b && isBlank(bytes[a]!)) a++;
  if (a === b || bytes[a] === 35) return;
  if (bytes[a] === DELIVERY_TEST[0] && startsWith(bytes, a, b, DELIVERY_TEST)) {
    a += DELIVERY_TEST.length;
    while (a < b && isBlank(bytes[a]!)) a++;
    if (a === b) return;
  }
  if (mayBeHeader(bytes, a, b)) {
    const format = parseHeader(Buffer.from(bytes.buffer, bytes.byteOffset + a, b - a).toString('utf8'));
    if (format !== undefined) {
      usePlan(reader, format);
      return;
    }
  }
  const result = readRecord(reader, bytes, a, b);
  if (result === ROW_OK) reader.sink.accept();
  else reader.sink.reject(result, position, bytes.subarray(from, to));
}

function isBlank(c: number): boolean {
  return c === SPACE || c === TAB || c === 13 || c === 10;
}

function startsWith(bytes: Uint8Array, from: number, to: number, text: Uint8Array): boolean {
  if (to - from < text.length) return false;
  for (let i = 0; i < text.length; i++) if (bytes[from + i] !== text[i]) return false;
  return true;
}

/** Cheap: false for nearly every record. A header begins with a letter and its first name has only letters, digits, `-` and `_`. */
function mayBeHeader(bytes: Uint8Array, from: number, to: number): boolean {
  let digits = 0;
  let i = from;
  for (; i < to; i++) {
    const c = bytes[i]!;
    if (c === SPACE || c === TAB || c === 44) break;
    if (c >= 48 && c <= 57) {
      // Names have a digit at most (`asg-tag-2`); ids have many.
      if (i === from || ++digits > 1) return false;
    } else if (!((c >= 97 && c <= 122) || (c >= 65 && c <= 90) || c === 45 || c === 95 || c === 34)) {
      return false;
    }
  }
  return i > from && i < to && bytes[from] !== 45;
}

function readRecord(reader: LineReader, bytes: Uint8Array, from: number, to: number): number {
  const { values } = reader;
  let plan = reader.plan;
  if (bytes[from] === 54 && plan === reader.defaultPlan && isTransit(bytes, from, to)) {
    reader.transitPlan ??= compilePlan({ fields: TRANSIT_FIELDS, unknown: [], separator: ' ' });
    plan = reader.transitPlan;
  }
  values.bytes = bytes;
  const expected = plan.ops.length;
  const encoding =
    plan.format.separator === ' '
      ? splitBlanks(values, from, to, expected)
      : splitAt(values, from, to, expected, plan.format.separator.charCodeAt(0));
  if (encoding === CONTROL) return REFUSED['bad-encoding'];
  if (encoding === NOT_ASCII && !isUtf8(new Uint8Array(bytes.buffer, bytes.byteOffset + from, to - from)))
    return REFUSED['bad-encoding'];
  if (values.count < expected) return REFUSED['too-few-fields'];
  if (values.count > expected) return REFUSED['too-many-fields'];
  return writeRow(reader.sink, plan, values);
}

/** `6 TransitGateway …`: nothing else begins like this, so such lines are recognised among others. */
function isTransit(bytes: Uint8Array, from: number, to: number): boolean {
  let i = from + 1;
  if (!isBlank(bytes[i]!)) return false;
  while (i < to && isBlank(bytes[i]!)) i++;
  return startsWith(bytes, i, to, TRANSIT_MARK);
}

const ASCII = 0;
const NOT_ASCII = 1;
const CONTROL = 2;

/** Splits at runs of blanks; stops one past `expected`. Says which kinds of bytes there are. */
function splitBlanks(values: Values, from: number, to: number, expected: number): number {
  const { bytes, from: starts, to: ends } = values;
  let kind = ASCII;
  let count = 0;
  let i = from;
  while (i < to) {
    const start = i;
    for (; i < to; i++) {
      const c = bytes[i]!;
      if (c <= SPACE) break;
      if (c > 126) kind = Math.max(kind, c === 127 ? CONTROL : NOT_ASCII);
    }
    if (count <= expected) {
      starts[count] = start;
      ends[count++] = i;
    }
    for (; i < to; i++) {
      const c = bytes[i]!;
      if (c > SPACE) break;
      if (c !== SPACE && c !== TAB) kind = CONTROL;
    }
  }
  values.count = count;
  return kind;
}

/** Splits at every `separator`; blanks and quotes around a value go. */
function splitAt(values: Values, from: number, to: number, expected: number, separator: number): number {
  const { bytes, from: starts, to: ends } = values;
  let kind = ASCII;
  let count = 0;
  let start = from;
  for (let i = from; i <= to; i++) {
    const c = i < to ? bytes[i]! : separator;
    if (c > 126) kind = Math.max(kind, c === 127 ? CONTROL : NOT_ASCII);
    else if (c < SPACE && c !== TAB) kind = CONTROL;
    if (c !== separator) continue;
    if (count <= expected) {
      let a = start;
      let b = i;
      while (a < b && isBlank(bytes[a]!)) a++;
      while (b > a && isBlank(bytes[b - 1]!)) b--;
      if (b - a >= 2 && bytes[a] === 34 && bytes[b - 1] === 34) {
        a++;
        b--;
      }
      starts[count] = a;
      ends[count++] = b;
    }
    start = i + 1;
  }
  values.count = count;
  return kind;
}
