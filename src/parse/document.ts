import { gunzipSync } from 'node:zlib';
import { FIELD_BY_NAME } from './fields.ts';
import { canonicalName } from './format.ts';
import { asObject, NETWORK_ACTIVITY, own, recordOfOcsf } from './ocsf.ts';
import { type RecordReader, writeRecord } from './record.ts';
import { answersOf, isResolverQuery } from './resolver-query.ts';
import { REFUSED, ROW_OK, type RowSink } from './row-sink.ts';

/** A payload in a payload in … : Firehose → Kinesis → CloudWatch → line is four. */
export const MAX_NESTING = 6;
/** Bytes that one compressed payload may inflate to. CloudWatch's are at most a few megabytes. */
const MAX_PAYLOAD = 64 << 20;

export interface DocumentReader {
  readonly sink: RowSink;
  readonly records: RecordReader;
  /** Reads text that was inside a document as if it were a source of its own. */
  readonly readText: (bytes: Uint8Array, position: number, nesting: number) => void;
}

type Json = Readonly<Record<string, unknown>>;

/**
 * Reads one parsed JSON document, whatever its shape: a flow log row, an OCSF event, an envelope of CloudWatch Logs, Kinesis, Firehose,
 * Vector or Logstash, or a list of those. A document that is none of these is one reject. `raw` is the document as it came.
 */
export function readDocument(
  reader: DocumentReader,
  json: unknown,
  position: number,
  nesting: number,
  raw?: Uint8Array,
): void {
  if (Array.isArray(json)) {
    for (const item of json) readDocument(reader, item, position, nesting);
    return;
  }
  if (typeof json === 'string' && nesting < MAX_NESTING) {
    reader.readText(Buffer.from(json), position, nesting + 1);
    return;
  }
  const document = asObject(json);
  if (
    document === undefined ||
    nesting > MAX_NESTING ||
    !readObject(reader, document, position, nesting, raw)
  )
    refuse(reader, REFUSED['unknown-shape'], position, json, raw);
}

function readObject(
  reader: DocumentReader,
  json: Json,
  position: number,
  nesting: number,
  raw?: Uint8Array,
): boolean {
  if (own(json, 'messageType') === 'CONTROL_MESSAGE') return true;
  const events = own(json, 'logEvents');
  if (Array.isArray(events)) {
    for (const event of events) {
      const message = own(asObject(event), 'message');
      if (typeof message === 'string') reader.readText(Buffer.from(message), position, nesting + 1);
      else refuse(reader, REFUSED['unknown-shape'], position, event);
    }
    return true;
  }
  if (own(json, 'class_uid') !== undefined) {
    if (Number(own(json, 'class_uid')) !== NETWORK_ACTIVITY) return false;
    const record = recordOfOcsf(json);
    settle(
      reader,
      writeRecord(reader.records, [...record.keys()], (name) => record.get(name)),
      position,
      json,
      raw,
    );
    return true;
  }
  if (isResolverQuery(json)) {
    const answers = answersOf(json);
    if (typeof answers === 'number') refuse(reader, answers, position, json, raw);
    else reader.sink.answer(answers);
    return true;
  }
  if (isRow(json)) {
    settle(
      reader,
      writeRecord(reader.records, Object.keys(json), (name) => json[name]),
      position,
      json,
      raw,
    );
    return true;
  }
  const list = own(json, 'Records') ?? own(json, 'records');
  if (Array.isArray(list)) {
    for (const item of list) readDocument(reader, item, position, nesting + 1);
    return true;
  }
  const encoded =
    own(asObject(own(json, 'awslogs')), 'data') ??
    own(asObject(own(json, 'kinesis')), 'data') ??
    own(json, 'rawData') ??
    own(json, 'data');
  if (typeof encoded === 'string') return readEncoded(reader, encoded, position, nesting);
  const message = own(json, 'message') ?? own(asObject(own(json, 'event')), 'original');
  if (typeof message === 'string') {
    reader.readText(Buffer.from(message), position, nesting + 1);
    return true;
  }
  return false;
}

/** Reads base64 text, which may be gzip inside. False when it is not base64. */
export function readEncoded(
  reader: DocumentReader,
  text: string,
  position: number,
  nesting: number,
): boolean {
  if (!/^[A-Za-z0-9+/_-]+={0,2}$/.test(text) || nesting >= MAX_NESTING) return false;
  const bytes = Buffer.from(text, 'base64');
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) {
    reader.readText(bytes, position, nesting + 1);
    return true;
  }
  let inflated: Uint8Array;
  try {
    inflated = gunzipSync(bytes, { maxOutputLength: MAX_PAYLOAD });
  } catch {
    reader.sink.reject(REFUSED['bad-gzip'], position, Buffer.from(text));
    return true;
  }
  reader.readText(inflated, position, nesting + 1);
  return true;
}

/** Whether an object is a flow log row: it has a time or both addresses under AWS's names, and some more of those. */
function isRow(json: Json): boolean {
  let known = 0;
  let times = 0;
  let addresses = 0;
  for (const key of Object.keys(json)) {
    const field = FIELD_BY_NAME.get(canonicalName(key));
    if (field === undefined) continue;
    known++;
    if (field.kind === 'start' || field.kind === 'end') times++;
    if (field.kind === 'srcAddr' || field.kind === 'dstAddr') addresses++;
  }
  return known >= 3 && (times > 0 || addresses === 2);
}

function settle(
  reader: DocumentReader,
  result: number,
  position: number,
  json: Json,
  raw?: Uint8Array,
): void {
  if (result === ROW_OK) reader.sink.accept();
  else refuse(reader, result, position, json, raw);
}

function refuse(
  reader: DocumentReader,
  reason: number,
  position: number,
  json: unknown,
  raw?: Uint8Array,
): void {
  reader.sink.reject(reason, position, raw ?? Buffer.from(JSON.stringify(json) ?? ''));
}
