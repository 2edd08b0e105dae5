import { FIELD_BY_NAME } from './fields.ts';
import { canonicalName } from './format.ts';
import { MAX_LINE } from './limits.ts';
import { compilePlan, type Plan } from './plan.ts';
import { type Values, writeRow } from './row.ts';
import { REFUSED, type RowSink } from './row-sink.ts';

/** Reads records that come as named values: JSON objects, Parquet rows, OCSF events. They take the same way as text values. */
export interface RecordReader {
  readonly sink: RowSink;
  /** Plans by the set of names. */
  readonly plans: Map<string, RecordPlan>;
  readonly values: Values;
  /** The last set of names, which rows of a table repeat. */
  lastNames: readonly string[];
  lastPlan: RecordPlan | undefined;
}

interface RecordPlan {
  readonly plan: Plan;
  /** The record's own names of the plan's fields. */
  readonly names: readonly string[];
}

const MAX_PLANS = 256;

export function createRecordReader(sink: RowSink): RecordReader {
  const most = FIELD_BY_NAME.size;
  return {
    sink,
    plans: new Map(),
    values: {
      bytes: new Uint8Array(MAX_LINE),
      from: new Int32Array(most),
      to: new Int32Array(most),
      count: 0,
    },
    lastNames: [],
    lastPlan: undefined,
  };
}

/**
 * Writes a record into the sink's current row; ROW_OK or the reason, as {@link writeRow}. Names are AWS's with hyphens or underscores;
 * others are left out (they belong to whoever wrapped the record).
 */
export function writeRecord(
  reader: RecordReader,
  names: readonly string[],
  read: (name: string) => unknown,
): number {
  const { plan, names: used } = planFor(reader, names);
  const { values } = reader;
  const bytes = values.bytes as Uint8Array<ArrayBuffer>;
  let at = 0;
  for (let i = 0; i < used.length; i++) {
    const text = textOf(read(used[i]!));
    values.from[i] = at;
    if (text !== '') {
      if (text.length > MAX_LINE) return REFUSED['line-too-long'];
      const { read, written } = encoder.encodeInto(text, bytes.subarray(at));
      if (read < text.length) return REFUSED['line-too-long'];
      for (let k = at; k < at + written; k++)
        if (bytes[k]! < 32 || bytes[k] === 127) return REFUSED['bad-encoding'];
      at += written;
    }
    values.to[i] = at;
  }
  values.count = used.length;
  return writeRow(reader.sink, plan, values);
}

const encoder = new TextEncoder();

function planFor(reader: RecordReader, names: readonly string[]): RecordPlan {
  if (names === reader.lastNames && reader.lastPlan !== undefined) return reader.lastPlan;
  const known = reader.plans.get(names.join('\n')) ?? addPlan(reader, names);
  reader.lastNames = names;
  reader.lastPlan = known;
  return known;
}

function addPlan(reader: RecordReader, names: readonly string[]): RecordPlan {
  const byField = new Map<string, string>();
  for (const name of names) {
    const field = canonicalName(name);
    if (FIELD_BY_NAME.has(field)) byField.set(field, name);
  }
  const added = {
    plan: compilePlan({ fields: [...byField.keys()], unknown: [], separator: ' ' }),
    names: [...byField.values()],
  };
  if (reader.plans.size >= MAX_PLANS) reader.plans.clear();
  reader.plans.set(names.join('\n'), added);
  return added;
}

/** A value as a flow log would write it; '' for null. Integers may come as floats (`25238.0`), texts as "None" (pandas). */
function textOf(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return value === '-' || value === 'None' ? '' : value;
    case 'number':
      return Number.isNaN(value) ? '' : String(value);
    case 'bigint':
    case 'boolean':
      return String(value);
    case 'object':
      if (value === null) return '';
      if (value instanceof Date) return String(Math.floor(value.getTime() / 1000));
      return (
        JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? String(each) : each)) ?? ''
      );
    default:
      return '';
  }
}
