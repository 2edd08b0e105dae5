import { gunzip } from 'node:zlib';

/** What a request of Firehose's brings. */
export interface FirehoseRequest {
  readonly messages: readonly Uint8Array[];
  /** Of the messages. */
  readonly bytes: number;
  /** Unix milliseconds. */
  readonly sentAt: number | undefined;
}

/** Why a request cannot be taken. 413 makes Firehose give it up for good; all others come again. */
export interface Refusal {
  readonly status: 400 | 413 | 415;
  readonly message: string;
}

/** Most records of a request, as AWS documents it. */
const MAX_RECORDS = 10_000;
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** Reads the body of request `id`: JSON, gzipped or not. `maxBytes` bounds it unzipped. */
export async function readRequest(
  body: Uint8Array,
  encoding: string | null,
  id: string,
  maxBytes: number,
): Promise<FirehoseRequest | Refusal> {
  if (encoding !== null && encoding !== 'gzip' && encoding !== 'identity')
    return { status: 415, message: 'the body may be gzipped and nothing else' };
  let text = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  if (encoding === 'gzip') {
    const unzipped = await unzip(body, maxBytes);
    if ('status' in unzipped) return unzipped;
    text = unzipped;
  }
  let content: unknown;
  try {
    content = JSON.parse(text.toString('utf8'));
  } catch {
    return { status: 400, message: 'the body is not JSON' };
  }
  return readContent(content, id);
}

function unzip(body: Uint8Array, maxBytes: number): Promise<Buffer<ArrayBuffer> | Refusal> {
  return new Promise((resolve) => {
    gunzip(body, { maxOutputLength: maxBytes }, (error: NodeJS.ErrnoException | null, text) => {
      if (error === null) resolve(text);
      else if (error.code === 'ERR_BUFFER_TOO_LARGE')
        resolve({ status: 413, message: 'the body is too large unzipped' });
      else resolve({ status: 400, message: 'the body is not gzipped' });
    });
  });
}

function readContent(content: unknown, id: string): FirehoseRequest | Refusal {
  if (!isObject(content) || !Array.isArray(content.records))
    return { status: 400, message: 'the body has no records' };
  if (content.requestId !== undefined && content.requestId !== id)
    return { status: 400, message: 'requestId is not the one of the header' };
  const records: readonly unknown[] = content.records;
  if (records.length > MAX_RECORDS) return { status: 413, message: `more than ${MAX_RECORDS} records` };
  const messages: Uint8Array[] = [];
  let bytes = 0;
  for (const record of records) {
    const data = isObject(record) ? record.data : undefined;
    if (typeof data !== 'string' || !BASE64.test(data))
      return { status: 400, message: 'a record has no data in base64' };
    const message = Buffer.from(data, 'base64');
    bytes += message.length;
    if (message.length > 0) messages.push(message);
  }
  const { timestamp } = content;
  const sentAt = Number.isSafeInteger(timestamp) ? Number(timestamp) : undefined;
  return { messages, bytes, sentAt };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
