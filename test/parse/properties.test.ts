import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeText, LINE, V2 } from './support.ts';

const TRANSIT =
  '6 TransitGateway 123456789012 tgw-1 - - - - - - - - - - - - 10.0.0.1 10.0.0.2 1 2 6 3 4 1700000000 1700000060 OK IPv4 0 0 0 0 2 eu-west-1 ingress - -';
const ROW_JSON = '{"srcaddr":"10.0.0.1","dstaddr":"10.0.0.2","end":1700000000,"vpc_id":"vpc-1"}';

/** Whole lines that are something, to be put together and spoilt. */
const SEEDS = [
  LINE,
  LINE.replace('10.0.0.5', '2001:db8::5'),
  LINE.replaceAll(' ', '  '),
  `${LINE} \r`,
  '2 123456789010 eni-1a2b3c4d - - - - - - - 1431280876 1431280934 - NODATA',
  V2,
  'end srcaddr vpc-id instance-tag',
  '1700000000 10.0.0.9 vpc-1 a%20b',
  'srcaddr,dstaddr,end',
  TRANSIT,
  ROW_JSON,
  `[${ROW_JSON},`,
  `${ROW_JSON}]`,
  `{"message":${JSON.stringify(LINE)}}`,
  '{\n  "srcaddr": "10.0.0.1",\n  "end": 1700000000,\n  "dstaddr": null, "protocol": 6\n}',
  `{"messageType":"DATA_MESSAGE","logEvents":[{"message":${JSON.stringify(LINE)}},{"message":"x"}]}`,
  '{"cut":',
  '{"string": "cut',
  '# comment',
  '\uFEFF',
  `Permission Check Successful${LINE}`,
  'H4sIAAAAAAAAA0vOz0nVUUhMSlYoyUhVKEpNzEksAgBZzVbEFAAAAA==',
  'bogus',
  '',
];

const seeds = fc.array(fc.constantFrom(...SEEDS), { maxLength: 20 });
/** A text of whole lines, one of them cut into and something put in between. */
const texts = fc
  .tuple(seeds, fc.nat(), fc.string({ maxLength: 8, unit: 'binary' }), fc.nat(12))
  .map(([lines, at, inserted, removed]) => {
    const text = lines.join('\n');
    const from = text.length === 0 ? 0 : at % text.length;
    return text.slice(0, from) + inserted + text.slice(from + removed);
  });

test('the result does not depend on where chunks end', async () => {
  await fc.assert(
    fc.asyncProperty(
      texts,
      fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1 }),
      async (text, chunks) => {
        const whole = await decodeText(text);
        const pieces = await decodeText(text, { chunks });
        expect(pieces).toEqual(whole);
      },
    ),
    { numRuns: 1500 },
  );
});

test('a byte order mark on a line of its own ends no batch', async () => {
  const text = `end srcaddr vpc-id instance-tag\n${ROW_JSON}\n\uFEFF\n${LINE}`;
  const whole = await decodeText(text);
  expect(whole.parts).toEqual([2]);
  expect(await decodeText(text, { chunks: [1] })).toEqual(whole);
});

test('the result does not depend on the size of batches', async () => {
  await fc.assert(
    fc.asyncProperty(texts, fc.constantFrom(8, 16, 24), async (text, batchRows) => {
      const { parts: _, ...whole } = await decodeText(text);
      const { parts, ...small } = await decodeText(text, { batchRows });
      expect(small).toEqual(whole);
      expect(parts.reduce((sum, part) => sum + part, 0)).toBe(whole.received);
    }),
    { numRuns: 500 },
  );
});

test('leaving out the first N records gives exactly the others', async () => {
  await fc.assert(
    fc.asyncProperty(texts, fc.nat(40), async (text, skip) => {
      const whole = await decodeText(text);
      const rest = await decodeText(text, { skip });
      const skipped = Math.min(skip, whole.received);
      expect(rest.skipped).toBe(skipped);
      expect(rest.received).toBe(whole.received - skipped);
      expect(rest.rows).toEqual(whole.rows.slice(whole.rows.length - rest.rows.length));
      expect(rest.rejects).toEqual(whole.rejects.slice(whole.rejects.length - rest.rejects.length));
    }),
    { numRuns: 500 },
  );
});

test('what was left out are the first N rows and rejects in the order of the file', async () => {
  const text = [LINE, 'bad 1', LINE, LINE, 'bad 2', LINE].join('\n');
  for (const [skip, rows, rejects] of [
    [1, 3, 2],
    [2, 3, 1],
    [3, 2, 1],
    [5, 1, 0],
    [6, 0, 0],
    [9, 0, 0],
  ] as const) {
    const decoded = await decodeText(text, { skip });
    expect([decoded.rows.length, decoded.rejects.length, decoded.skipped]).toEqual([
      rows,
      rejects,
      Math.min(skip, 6),
    ]);
  }
});

test('a line of text is one record or none, whatever is in it', async () => {
  const noDocument = fc
    .string({ unit: 'binary', maxLength: 200 })
    .map((text) => `x${text.replaceAll('\n', ' ')}`);
  await fc.assert(
    fc.asyncProperty(fc.array(noDocument, { maxLength: 20 }), async (lines) => {
      const decoded = await decodeText(lines.map((line) => `${line}\n${LINE}\n`).join(''));
      expect(decoded.rows).toHaveLength(lines.length);
      expect(decoded.rejects).toHaveLength(lines.length);
    }),
    { numRuns: 500 },
  );
});

/** Numbers as text, and what a strict reader makes of them. */
const numbers = fc.oneof(
  fc.bigInt({ min: 0n, max: 2n ** 64n }).map(String),
  fc.maxSafeNat().map(String),
  fc.nat(70_000).map(String),
  fc.constantFrom(
    '0',
    '00',
    '007',
    '65535',
    '65536',
    '9007199254740991',
    '9007199254740992',
    '1e3',
    '+1',
    '-1',
    '0x1',
    '1.0',
  ),
);

test('numbers are strictly decimal and exact', async () => {
  await fc.assert(
    fc.asyncProperty(numbers, numbers, async (port, bytes) => {
      const line = LINE.replace(/ (443|840) /g, (_, field) => ` ${field === '443' ? port : bytes} `);
      const decoded = await decodeText(`${line}\n`);
      const good = (text: string, max: bigint): boolean => /^\d+$/.test(text) && BigInt(text) <= max;
      if (good(port, 65535n) && good(bytes, 2n ** 53n - 1n)) {
        expect(decoded.rows).toMatchObject([{ dstport: Number(port), bytes: Number(bytes) }]);
        expect(BigInt(decoded.rows[0]!.bytes!)).toBe(BigInt(bytes));
      } else {
        expect(decoded.rows).toEqual([]);
        expect(decoded.rejects[0]!.reason).toMatch(/^(bad-number|number-out-of-range)$/);
      }
    }),
    { numRuns: 2000 },
  );
});

test('the quick reader of default lines and the careful one agree', async () => {
  const value = fc.oneof(
    { weight: 6, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: numbers },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        '-',
        '',
        'ACCEPT',
        'REJECT',
        'OK',
        'NODATA',
        '::1',
        '1.2.3.4',
        '01.2.3.4',
        '1.2.3.4.5',
        'é',
        '\t',
      ),
    },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(value, { minLength: 14, maxLength: 14 }), async (values) => {
      const line = LINE.split(' ')
        .map((token, index) => values[index] ?? token)
        .join(' ');
      // A carriage return is all it takes to leave the quick reader.
      const quick = await decodeText(`${line}\n${LINE}\n`);
      const careful = await decodeText(`${line}\r\n${LINE}\r\n`);
      expect(careful.rows).toEqual(quick.rows);
      expect(careful.rejects.map((reject) => reject.reason)).toEqual(
        quick.rejects.map((reject) => reject.reason),
      );
    }),
    { numRuns: 3000 },
  );
});

test('the quick reader of other formats and the careful one agree', async () => {
  const token = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.constantFrom('10.0.0.1', '::1', '1700000000', '443', 'vpc-1', 'ACCEPT', 'OK', '-'),
    },
    { weight: 1, arbitrary: numbers },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        '',
        '#',
        '{',
        '[',
        ']',
        ',x',
        '"',
        'Permission Check Successful',
        'end',
        'a%20b',
        'é',
        'NODATA',
        'REJECT',
        'IPv4',
        '\t',
        'vpc-12345678901234567890123456789012345',
      ),
    },
  );
  const name = fc.constantFrom(
    'version',
    'srcaddr',
    'dstaddr',
    'pkt-srcaddr',
    'srcport',
    'protocol',
    'tcp-flags',
    'packets',
    'bytes',
    'start',
    'end',
    'action',
    'log-status',
    'vpc-id',
    'subnet-id',
    'instance-id',
    'instance-tag',
    'interface-id',
    'account-id',
  );
  const fields = fc.uniqueArray(name, { minLength: 2, maxLength: 8 });
  let rows = 0;
  await fc.assert(
    fc.asyncProperty(
      fields,
      fc.array(fc.array(token, { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 6 }),
      async (names, tokens) => {
        // Values that mostly suit their fields, so that many lines are good.
        const lines = tokens.map((line) =>
          names.map((field, index) => suited(field, line[index] ?? 'x')).join(' '),
        );
        const format = names.map((each) => `\${${each}}`).join(' ');
        const quick = await decodeText(lines.map((line) => `${line}\n`).join(''), { format });
        const careful = await decodeText(lines.map((line) => `${line}\r\n`).join(''), { format });
        rows += quick.rows.length;
        expect(careful.rows).toEqual(quick.rows);
        expect(careful.rejects.map((reject) => reject.reason)).toEqual(
          quick.rejects.map((reject) => reject.reason),
        );
      },
    ),
    { numRuns: 4000 },
  );
  expect(rows).toBeGreaterThan(500);
});

function suited(field: string, token: string): string {
  if (token !== 'x' && token !== 'vpc-1') return token;
  const good: Record<string, string> = {
    version: '5',
    srcaddr: '10.0.0.1',
    dstaddr: '2001:db8::1',
    'pkt-srcaddr': '10.0.0.2',
    start: '1700000000',
    end: '1700000059',
    action: 'REJECT',
    'log-status': 'OK',
    'instance-tag': 'web',
    'vpc-id': 'vpc-0123456789abcdef0',
  };
  return good[field] ?? '17';
}
