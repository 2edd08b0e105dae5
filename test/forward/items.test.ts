import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createItemReader } from '../../src/forward/items.ts';

const DEFAULT =
  'version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status';
const LINE = '2 123456789012 eni-0a1b2c3d 10.0.1.5 10.0.2.9 40000 443 6 1 44 1767571200 1767571250 ACCEPT OK';

function read(chunks: readonly (string | Buffer)[], format?: string) {
  const items: { key: string | undefined; header: string | undefined; text: string }[] = [];
  const reader = createItemReader(format, ({ key, header, bytes }) =>
    items.push({ key, header, text: Buffer.from(bytes).toString('latin1') }),
  );
  for (const [i, chunk] of chunks.entries())
    reader.push(typeof chunk === 'string' ? Buffer.from(chunk, 'latin1') : chunk, i === chunks.length - 1);
  return items;
}

describe('what is forwarded', () => {
  it('is each line as it came, with the interface that it is of and the names of its fields', () => {
    expect(read([`${LINE}\n\n# a comment\n${LINE}  \r\n`])).toEqual([
      { key: 'eni-0a1b2c3d', header: DEFAULT, text: LINE },
      { key: 'eni-0a1b2c3d', header: DEFAULT, text: `${LINE}  \r` },
    ]);
  });

  it('carries a custom format, from the header or from the source', () => {
    const header = 'srcaddr dstaddr interface-id bytes my-own-field';
    const line = '10.0.0.1 10.0.0.2 eni-11111111 5 x';
    const expected = [{ key: 'eni-11111111', header, text: line }];
    expect(read([`${header}\n${line}\n`])).toEqual(expected);
    expect(
      read([line], '$' + '{srcaddr} $' + '{dstaddr} $' + '{interface-id} $' + '{bytes} $' + '{my-own-field}'),
    ).toEqual(expected);
    expect(read(['srcaddr,interface-id,bytes\n10.0.0.1,"eni-2",5\n'])[0]).toMatchObject({ key: 'eni-2' });
  });

  it('is each document as it came, with the interface that is named in it', () => {
    const row = '{"interface_id": "eni-0a1b2c3d4e5f60718",\n  "srcaddr": "10.0.0.1"}';
    const event = '{"class_uid":4001,"dst_endpoint":{"interface_uid":"eni-22222222"}}';
    const packed = gzipSync('{"logStream":"eni-33333333-all","logEvents":[]}').toString('base64');
    expect(read([`${row}${event}\n${packed}\n${LINE}`])).toEqual([
      { key: 'eni-0a1b2c3d4e5f60718', header: undefined, text: row },
      { key: 'eni-22222222', header: undefined, text: event },
      { key: 'eni-33333333', header: undefined, text: packed },
      { key: 'eni-0a1b2c3d', header: DEFAULT, text: LINE },
    ]);
  });

  it('has no key where nothing names an interface, and is forwarded nevertheless', () => {
    const lines = ['not a record', '{"broken', '2 1 - - - - - - - - 1 2 - NODATA', '\xff\x00'];
    expect(read([lines.join('\n')]).map(({ key, text }) => [key, text])).toEqual(
      lines.map((text) => [text.startsWith('not') ? 'record' : undefined, text]),
    );
  });

  it('is the same however the bytes are cut', () => {
    const header = 'interface-id bytes start end srcaddr';
    const text = `${LINE}\n{"a": [1, "}"],\n"interface_id":"eni-44444444"}\n${header}\neni-5 1 2 3 10.0.0.1\n[{"x":1}]\n`;
    const whole = read([text]);
    expect(whole.length).toBe(4);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: text.length }), { maxLength: 8 }), (cuts) => {
        const at = [0, ...cuts.sort((a, b) => a - b), text.length];
        expect(read(at.slice(1).map((to, i) => text.slice(at[i], to)))).toEqual(whole);
      }),
    );
  });
});
