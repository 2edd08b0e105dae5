import { expect, test } from 'vitest';
import { REJECT_RAW_LIMIT, type RejectReason } from '../../src/contracts.ts';
import { decodeText, LINE, ROW } from './support.ts';

const replaced = (from: string, to: string): string => LINE.replace(from, to);

/** Lines that are refused, by reason. Parquet and gzip are in their own tests. */
const REFUSED: readonly [RejectReason, string][] = [
  ['too-few-fields', 'bogus line'],
  ['too-few-fields', LINE.slice(0, -3)],
  ['too-many-fields', `${LINE} trailing`],
  ['too-many-fields', `${LINE} `.repeat(500)],
  ['bad-number', replaced('443', 'NaN')],
  ['bad-number', replaced('443', '0x1bb')],
  ['bad-number', replaced('443', '+443')],
  ['bad-number', replaced('443', '-443')],
  ['bad-number', replaced('840', '8.4e2')],
  ['bad-number', replaced('840', '1.7284E+12')],
  ['bad-number', replaced('443', '４４３')],
  ['number-out-of-range', replaced('443', '65536')],
  ['number-out-of-range', replaced(' 6 ', ' 256 ')],
  ['number-out-of-range', replaced('840', '9007199254740992')],
  ['number-out-of-range', replaced('840', '9'.repeat(400))],
  ['number-out-of-range', replaced('1700000059', '99999999999')],
  ['bad-address', replaced('10.0.0.5', '010.0.0.5')],
  ['bad-address', replaced('10.0.0.5', '10.0.5')],
  ['bad-address', replaced('10.0.0.5', '10.0.0.256')],
  ['bad-address', replaced('10.0.0.5', '10.0.0.5.6')],
  ['bad-address', replaced('10.0.0.5', '10..0.5')],
  ['bad-address', replaced('10.0.0.5', 'fe80::1%eth0')],
  ['bad-address', replaced('10.0.0.5', '0x0a000005')],
  ['bad-action', replaced('ACCEPT', 'ALLOW')],
  ['bad-action', replaced('ACCEPT', 'accept')],
  ['bad-log-status', replaced('OK', 'OK`),')],
  ['bad-log-status', replaced('OK', 'OKAY')],
  ['bad-version', replaced('2 ', '1 ')],
  ['bad-version', replaced('2 ', 'two ')],
  ['no-time', replaced('1700000000 1700000059', '- -')],
  ['line-too-long', `${LINE} ${'x'.repeat(70_000)}`],
  ['bad-json', '{"srcaddr": "10.0.0.1", "end" 1700000000}'],
  ['bad-json', '{"message": "cut'],
  ['bad-json', '{"a": nope}'],
  ['too-deep', `${'{"a":'.repeat(40)}1${'}'.repeat(40)}`],
  ['unknown-shape', '{"hello": "world"}'],
  ['unknown-shape', '{"class_uid": 3002, "time": 1700000000000}'],
  ['bad-encoding', replaced('eni-', 'eni-\u0000')],
  ['bad-encoding', replaced('eni-', 'eni-\u001b[31m')],
];

test.each(REFUSED)('%s: %.60s', async (reason, line) => {
  const decoded = await decodeText(`${LINE}\n${line}\n${LINE}\n`);
  expect(decoded.rejects.map((reject) => reject.reason)).toEqual([reason]);
  expect(decoded.rejects[0]).toMatchObject({ source: 'test', position: LINE.length + 1 });
  expect(decoded.rejects[0]!.raw).toBe(line.slice(0, REJECT_RAW_LIMIT));
  expect(decoded.rows).toEqual([ROW, ROW]);
});

test('a list two hundred thousand deep is refused once', async () => {
  const decoded = await decodeText(`${'['.repeat(200_000)}\n${LINE}\n`);
  expect(decoded.rejects.map((reject) => reject.reason)).toEqual(['too-deep']);
  expect(decoded.rows).toEqual([ROW]);
});

test('invalid UTF-8 is refused and shown with replacements', async () => {
  const bytes = Buffer.concat([
    Buffer.from('2 1234 eni-'),
    Buffer.from([0xff, 0xc0]),
    Buffer.from(LINE.slice(36)),
  ]);
  const decoded = await decodeText(Buffer.concat([bytes, Buffer.from(`\n${LINE}`)]));
  expect(decoded.rejects.map((reject) => reject.reason)).toEqual(['bad-encoding']);
  expect(decoded.rejects[0]!.raw).toContain('\uFFFD');
  expect(decoded.rows).toEqual([ROW]);
});

test('a document that the source ends in is truncated', async () => {
  const decoded = await decodeText('{"srcaddr": "10.0.0.1", "end": 17000');
  expect(decoded.rejects.map((reject) => reject.reason)).toEqual(['truncated']);
});

test('a document cut off does not swallow the ones after it', async () => {
  const row = '{"srcaddr":"10.0.0.1","dstaddr":"10.0.0.2","end":1700000000}';
  const decoded = await decodeText(`{"srcaddr":"10.0.0.1","dst\n${row}\n{"srcaddr":\n${row}\n${row}\n`);
  expect(decoded.rejects.map((reject) => reject.reason)).toEqual(['bad-json', 'bad-json']);
  expect(decoded.rows).toHaveLength(3);
});

test('a source of one endless line is refused once, with bounded memory', async () => {
  const line = Buffer.alloc(8 << 20, 0x41);
  const decoded = await decodeText(Buffer.concat([line, Buffer.from(`\n${LINE}\n`)]), { chunks: [100_000] });
  expect(decoded.rejects.map((reject) => reject.reason)).toEqual(['line-too-long']);
  expect(decoded.rejects[0]!.raw).toHaveLength(REJECT_RAW_LIMIT);
  expect(decoded.rows).toEqual([ROW]);
});

test('a reject keeps its place when the source comes in pieces', async () => {
  const decoded = await decodeText(`${LINE}\n${LINE}\nbad\n{"a":1}\nworse`, { chunks: [7] });
  const at = 2 * (LINE.length + 1);
  expect(decoded.rejects.map((reject) => reject.position)).toEqual([at, at + 4, at + 12]);
});
