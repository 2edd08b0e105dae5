import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { decodeText, LINE } from './support.ts';

/** As AWS's documentation shows it. */
const QUERY = {
  version: '1.100000',
  account_id: '123456789012',
  region: 'us-east-1',
  vpc_id: 'vpc-1',
  query_timestamp: '2026-01-05T00:00:00Z',
  query_name: 'WWW.Evil.example.',
  query_type: 'A',
  query_class: 'IN',
  rcode: 'NOERROR',
  answers: [
    { Rdata: 'cdn.example.', Type: 'CNAME', Class: 'IN' },
    { Rdata: '203.0.113.9', Type: 'A', Class: 'IN' },
    { Rdata: '2001:DB8:0::9', Type: 'AAAA', Class: 'IN' },
  ],
  srcaddr: '10.0.0.5',
  srcport: '56067',
  transport: 'UDP',
  srcids: { instance: 'i-0abc' },
};
const line = (more: object = {}): string => JSON.stringify({ ...QUERY, ...more });
const at = Date.parse(QUERY.query_timestamp) / 1000;
const common = { client: '10.0.0.5', name: 'www.evil.example', at };
const ANSWERS = [
  { ...common, address: '203.0.113.9' },
  { ...common, address: '2001:db8::9' },
];

describe('lines of a resolver query log', () => {
  it.each([
    ['as lines of S3', `${line()}\n`],
    [
      'in an envelope of CloudWatch Logs',
      JSON.stringify({ messageType: 'DATA_MESSAGE', logEvents: [{ message: line() }] }),
    ],
    ['as a record of Firehose', JSON.stringify({ records: [{ data: gzipSync(line()).toString('base64') }] })],
  ])('say which addresses a name led to, %s', async (_, text) => {
    const decoded = await decodeText(text);
    expect(decoded).toMatchObject({ rows: [], rejects: [], received: 1, filtered: 1, answers: ANSWERS });
    expect((await decodeText(text, { chunks: [7, 50] })).answers).toEqual(ANSWERS);
  });

  it('count once each among flows, and are passed over once they were read', async () => {
    const text = `${LINE}\n${line()}\n${LINE}\n${line()}\n`;
    expect(await decodeText(text)).toMatchObject({ received: 4, filtered: 2, rows: [{}, {}] });
    expect(await decodeText(text, { skip: 2 })).toMatchObject({ received: 2, skipped: 2, filtered: 1 });
  });

  it.each([
    ['an error', { rcode: 'NXDOMAIN', answers: [] }],
    ['no answers', { answers: undefined }],
    ['answers of another type', { query_type: 'MX', answers: [{ Rdata: '10 mx.example.', Type: 'MX' }] }],
    ['an address that is none', { answers: [{ Rdata: 'evil', Type: 'A' }, null, 'x', { Type: 'A' }] }],
    ['the root', { query_name: '.' }],
    ['a name that is too long', { query_name: `${'a'.repeat(254)}.` }],
  ])('say nothing with %s', async (_, more) => {
    expect(await decodeText(line(more))).toMatchObject({ rejects: [], filtered: 1, answers: [] });
  });

  it.each([
    ['no-time', { query_timestamp: 'yesterday' }],
    ['bad-address', { srcaddr: 'somebody' }],
  ])('are refused as %s', async (reason, more) => {
    expect(await decodeText(line(more))).toMatchObject({ filtered: 0, rejects: [{ reason }] });
  });

  it('give 32 answers at most', async () => {
    const answers = Array.from({ length: 100 }, (_, i) => ({ Rdata: `203.0.113.${i}`, Type: 'A' }));
    expect((await decodeText(line({ answers }))).answers).toHaveLength(32);
  });
});
