import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { decodeText, LINE, ROW, type Row } from './support.ts';

/** The row as Athena, Parquet-to-JSON bridges and Vector write it. */
const JSON_ROW = {
  version: 2,
  account_id: '123456789012',
  interface_id: 'eni-0a1b2c3d4e5f60718',
  srcaddr: '10.0.0.5',
  dstaddr: '203.0.113.7',
  srcport: 49152,
  dstport: 443,
  protocol: 6,
  packets: 10,
  bytes: 840,
  start: 1700000000,
  end: 1700000059,
  action: 'ACCEPT',
  log_status: 'OK',
};
const row = JSON.stringify(JSON_ROW);
const envelope = (...messages: string[]): object => ({
  messageType: 'DATA_MESSAGE',
  owner: '123456789012',
  logGroup: 'flows',
  logStream: 'eni-0a1b2c3d4e5f60718-all',
  subscriptionFilters: ['f'],
  logEvents: messages.map((message, index) => ({
    id: String(index),
    timestamp: 1700000000000,
    message,
    extractedFields: { srcaddr: 'ignored', end: '1' },
  })),
});
const CONTROL = {
  messageType: 'CONTROL_MESSAGE',
  owner: 'CloudwatchLogs',
  logGroup: '',
  logStream: '',
  logEvents: [
    { id: '', timestamp: 1, message: 'CWL CONTROL MESSAGE: Checking health of destination Firehose.' },
  ],
};
const zipped = (value: unknown): string => gzipSync(JSON.stringify(value)).toString('base64');
const base64 = (text: string): string => Buffer.from(text).toString('base64');

const rowsOf = async (text: string): Promise<Row[]> => {
  const decoded = await decodeText(text);
  expect(decoded.rejects).toEqual([]);
  const inPieces = await decodeText(text, { chunks: [11, 3] });
  expect(inPieces.rows).toEqual(decoded.rows);
  return decoded.rows;
};

test.each([
  ['one a line', `${row}\n${row}\n`],
  ['concatenated', `${row}${row}`],
  ['in a list', `[${row},${row}]`],
  ['in a list over several lines', `[\n  ${row},\n  ${row}\n]\n`],
  ['as texts in a list', JSON.stringify([row, row])],
  ['pretty-printed', JSON.stringify([JSON_ROW, JSON_ROW], null, 2)],
  ['after each other, pretty-printed', `${JSON.stringify(JSON_ROW, null, 2)}\n`.repeat(2)],
  ['between lines of text', `${LINE}\n${row}\n`],
])('rows %s are read', async (_, text) => {
  expect(await rowsOf(text)).toEqual([ROW, ROW]);
});

test('numbers may be floats and texts, absent values null, "-" or "None", names hyphened', async () => {
  const odd = {
    'account-id': 123456789012,
    'interface-id': 'eni-0a1b2c3d4e5f60718',
    srcaddr: '10.0.0.5',
    dstaddr: '-',
    srcport: '49152',
    dstport: 443.0,
    protocol: null,
    packets: 'None',
    bytes: 840.0,
    start: '1700000000',
    end: 1700000059000,
    action: '-',
    'log-status': 'OK',
    '@timestamp': '2023-11-14T22:13:20Z',
    tcp_flags: 19,
  };
  const { dstaddr: _, protocol: __, packets: ___, action: ____, ...rest } = ROW;
  expect(await rowsOf(JSON.stringify(odd))).toEqual([{ ...rest, 'tcp-flags': 19 }]);
});

test('fields of all versions come from rows, and rows of other shapes may follow', async () => {
  const text = `${JSON.stringify({ end: 1, srcaddr: '10.0.0.1', vpc_id: 'vpc-1', pkt_srcaddr: '::1' })}\n${row}\n`;
  expect(await rowsOf(text)).toEqual([
    { start: 1, end: 1, srcaddr: '10.0.0.1', 'vpc-id': 'vpc-1', 'pkt-srcaddr': '::1' },
    ROW,
  ]);
});

test.each([
  ['as JSON', JSON.stringify(envelope(LINE, LINE))],
  ['with a control message before', JSON.stringify(CONTROL) + JSON.stringify(envelope(LINE, LINE))],
  ['one after the other', JSON.stringify(envelope(LINE)) + JSON.stringify(envelope(LINE))],
  ['as base64 of gzip', zipped(envelope(LINE, LINE))],
  ['as lines of base64 of gzip', `${zipped(envelope(LINE))}\n${zipped(envelope(`${LINE}\n`))}\n`],
  ['as a Lambda event', JSON.stringify({ awslogs: { data: zipped(envelope(LINE, LINE)) } })],
  [
    'as a Kinesis event',
    JSON.stringify({
      Records: [CONTROL, envelope(LINE), envelope(LINE)].map((each) => ({ kinesis: { data: zipped(each) } })),
    }),
  ],
  [
    'as a Kafka message of Vector',
    JSON.stringify({ message: JSON.stringify(envelope(LINE, LINE)), region: 'x' }),
  ],
])('CloudWatch Logs data is read %s', async (_, text) => {
  expect(await rowsOf(text)).toEqual([ROW, ROW]);
});

test('a control message is no record', async () => {
  expect(await decodeText(JSON.stringify(CONTROL))).toMatchObject({ rows: [], rejects: [], received: 0 });
});

test.each([
  ['a message of Firehose', JSON.stringify({ message: LINE })],
  ['messages without separator', `${JSON.stringify({ message: LINE })}${JSON.stringify({ message: LINE })}`],
  [
    'a request to an HTTP endpoint',
    JSON.stringify({
      requestId: 'r',
      timestamp: 1,
      records: [{ data: base64(LINE) }, { data: base64(`${LINE}\n`) }],
    }),
  ],
  ['what Vector sends', JSON.stringify({ message: LINE, source_type: 'aws_s3', bucket: 'b', object: 'k' })],
  ['what Logstash sends', JSON.stringify({ '@version': '1', event: { original: LINE } })],
])('%s is read', async (_, text) => {
  const rows = await rowsOf(text);
  expect(rows.length).toBeGreaterThan(0);
  for (const each of rows) expect(each).toEqual(ROW);
});

test('a header leaked into messages sets their format', async () => {
  const text = [`end srcaddr`, '1700000000 10.0.0.1']
    .map((message) => JSON.stringify({ message }))
    .join('\n');
  expect(await rowsOf(text)).toEqual([{ start: 1700000000, end: 1700000000, srcaddr: '10.0.0.1' }]);
});

test('a bad line in an envelope is one reject, the others are rows', async () => {
  const decoded = await decodeText(JSON.stringify(envelope(LINE, '[ERROR] not a flow', LINE)));
  expect(decoded.rows).toEqual([ROW, ROW]);
  expect(decoded.rejects).toMatchObject([
    { reason: 'too-few-fields', raw: '[ERROR] not a flow', position: 0 },
  ]);
});

test('a payload that is no gzip, and one nested without end, are refused', async () => {
  const broken = Buffer.concat([gzipSync(LINE).subarray(0, 20), Buffer.from('junk')]).toString('base64');
  let nested = JSON.stringify({ message: LINE });
  for (let i = 0; i < 8; i++) nested = JSON.stringify({ message: nested });
  const decoded = await decodeText(`${JSON.stringify({ awslogs: { data: broken } })}\n${nested}\n`);
  expect(decoded.rejects.map((reject) => reject.reason)).toEqual(['bad-gzip', 'unknown-shape']);
});

test('hostile keys and values change nothing but their own record', async () => {
  const hostile = `{"__proto__":{"srcaddr":"10.9.9.9","polluted":true},"constructor":{"prototype":{"polluted":1}},${row.slice(1)}`;
  expect(await rowsOf(`${hostile}\n${row}`)).toEqual([ROW, ROW]);
  expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  const decoded = await decodeText('{"__proto__":{"message":"x","logEvents":[],"class_uid":4001}}');
  expect(decoded.rejects.map((reject) => reject.reason)).toEqual(['unknown-shape']);
});

test('a Route 53 Resolver query and a WAF record are no flows', async () => {
  const query = {
    version: '1.100000',
    account_id: '1',
    region: 'r',
    vpc_id: 'v',
    srcaddr: '10.0.0.1',
    srcport: '1',
  };
  const waf = { timestamp: 1, formatVersion: 1, webaclId: 'w', action: 'ALLOW', httpRequest: {} };
  const decoded = await decodeText(`${JSON.stringify(query)}\n${JSON.stringify(waf)}\n`);
  expect(decoded.rejects.map((reject) => reject.reason)).toEqual(['unknown-shape', 'unknown-shape']);
});

test('numbers past 2^53 and fractions are refused', async () => {
  const bad = [2 ** 53 + 2, 1e300, 1.5, true, { a: 1 }].map((bytes) =>
    JSON.stringify({ ...JSON_ROW, bytes }),
  );
  const decoded = await decodeText(bad.join('\n'));
  expect(decoded.rejects.map((reject) => reject.reason)).toEqual([
    'number-out-of-range',
    'bad-number',
    'bad-number',
    'bad-number',
    'bad-number',
  ]);
});
