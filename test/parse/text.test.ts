import { expect, test } from 'vitest';
import { FIELDS, TRANSIT_FIELDS, VPC_FIELDS } from '../../src/parse/fields.ts';
import { decodeText, LINE, ROW, type Row, V2 } from './support.ts';

const rowsOf = async (text: string, format?: string): Promise<Row[]> => {
  const decoded = await decodeText(text, format === undefined ? {} : { format });
  expect(decoded.rejects).toEqual([]);
  return decoded.rows;
};

test('a default line is a row', async () => {
  expect(await rowsOf(`${LINE}\n`)).toEqual([ROW]);
});

test('a last line without newline is a row', async () => {
  expect(await rowsOf(`${LINE}\n${LINE}`)).toEqual([ROW, ROW]);
});

test('IPv6 addresses are read as well', async () => {
  const line = LINE.replace('10.0.0.5', '2001:DB8::1').replace('203.0.113.7', '::ffff:192.0.2.1');
  expect(await rowsOf(`${line}\n`)).toEqual([{ ...ROW, srcaddr: '2001:db8::1', dstaddr: '192.0.2.1' }]);
});

test('there are 54 VPC fields and 36 in the Transit Gateway default', () => {
  expect(VPC_FIELDS).toHaveLength(54);
  expect(new Set(FIELDS.map((field) => field.name)).size).toBe(FIELDS.length);
  expect(TRANSIT_FIELDS).toHaveLength(36);
  const names = new Set(FIELDS.map((field) => field.name));
  expect(TRANSIT_FIELDS.filter((name) => !names.has(name))).toEqual([]);
});

/** A value for each field that reads back as itself. */
const SAMPLE: Record<string, string> = {
  version: '11',
  srcaddr: '10.1.0.1',
  dstaddr: '2001:db8::2',
  'pkt-srcaddr': '10.1.0.3',
  'pkt-dstaddr': '2001:db8::4',
  srcport: '0',
  dstport: '65535',
  protocol: '255',
  packets: '9007199254740991',
  bytes: '9007199254740990',
  start: '1700000000',
  end: '4294967295',
  action: 'REJECT',
  'log-status': 'SKIPDATA',
  'tcp-flags': '19',
};
const sampleOf = (name: string): string => SAMPLE[name] ?? `${name}-value`;
const expectedOf = (names: readonly string[]): Row => {
  const row: Row = {};
  for (const name of names)
    if (name !== 'version')
      row[name] = /^\d+$/.test(sampleOf(name)) ? Number(sampleOf(name)) : sampleOf(name);
  return row;
};

test('a line of all 54 fields reads back, in any order', async () => {
  const names = VPC_FIELDS.map((field) => field.name);
  for (const order of [names, [...names].reverse(), [...names].sort()]) {
    const text = `${order.join(' ')}\n${order.map(sampleOf).join(' ')}\n`;
    expect(await rowsOf(text)).toEqual([expectedOf(names)]);
  }
});

test('the format can be told as AWS writes it, or as a header', async () => {
  const names = ['instance-id', 'end', 'srcaddr', 'bytes'];
  const line = names.map(sampleOf).join(' ');
  const row = { ...expectedOf(names), start: 4294967295 };
  expect(await rowsOf(line, names.map((name) => `\${${name}}`).join(' '))).toEqual([row]);
  expect(await rowsOf(line, names.join(' '))).toEqual([row]);
});

test('a format that is none is refused with what to write', async () => {
  await expect(decodeText(LINE, { format: 'nonsense' })).rejects.toThrow(/cannot use format "nonsense"/);
});

test('every Transit Gateway field is read by the default of version 6, without a header', async () => {
  const line = TRANSIT_FIELDS.map((name) =>
    name === 'version' ? '6' : name === 'resource-type' ? 'TransitGateway' : sampleOf(name),
  ).join(' ');
  const [row] = await rowsOf(`${line}\n`);
  expect(row).toEqual({ ...expectedOf(TRANSIT_FIELDS), 'resource-type': 'TransitGateway' });
});

test('Transit Gateway lines among default ones are recognised', async () => {
  const transit = TRANSIT_FIELDS.map((name): string =>
    name === 'version' ? '6' : name === 'resource-type' ? 'TransitGateway' : '-',
  );
  transit[TRANSIT_FIELDS.indexOf('start')] = '1700000000';
  transit[TRANSIT_FIELDS.indexOf('log-status')] = 'NODATA';
  const other = {
    start: 1700000000,
    end: 1700000000,
    'resource-type': 'TransitGateway',
    'log-status': 'NODATA',
  };
  const text = `${V2}\n${LINE}\n${transit.join(' ')}\n${LINE}\n${transit.join(' ')}\n${LINE}\n`;
  expect(await rowsOf(text)).toEqual([ROW, other, ROW, other, ROW]);
});

test('the number of fields does not decide the format', async () => {
  const names = V2.split(' ');
  const shuffled = ['instance-id', ...names.slice(1)];
  const decoded = await decodeText(`${shuffled.map(sampleOf).join(' ')}\n`);
  expect(decoded.rejects.map((reject) => reject.reason)).toEqual(['bad-version']);
});

test('a header in the middle changes the format from there on', async () => {
  const text = `${LINE}\nend srcaddr vpc-id\n1700000059 10.0.0.9 vpc-1\n${V2}\n${LINE}\n`;
  const middle = { start: 1700000059, end: 1700000059, srcaddr: '10.0.0.9', 'vpc-id': 'vpc-1' };
  expect(await rowsOf(text)).toEqual([ROW, middle, ROW]);
});

test('unknown names in a header are kept as columns, with one warning each', async () => {
  const header = 'version srcaddr dstaddr start end brand-new-field';
  const decoded = await decodeText(
    `${header}\n12 10.0.0.1 10.0.0.2 1700000000 1700000060 hello\n${header}\n`,
  );
  expect(decoded.rejects).toEqual([]);
  expect(decoded.rows[0]).toMatchObject({ srcaddr: '10.0.0.1', 'brand-new-field': 'hello' });
  expect(decoded.warnings).toHaveLength(1);
  expect(decoded.warnings[0]).toContain('brand-new-field');
});

test('a line of mostly unknown names is no header', async () => {
  const decoded = await decodeText('version one two three four five\n');
  expect(decoded.rejects.map((reject) => reject.reason)).toEqual(['too-few-fields']);
});

test('a header separated by commas or tabs makes the lines so, with empty values and quotes', async () => {
  for (const separator of [',', '\t']) {
    const text = ['srcaddr', 'dstaddr', 'end', 'vpc-id', 'account_id'].join(separator);
    const line = ['10.0.0.1', '', '1700000000', '"vpc 1"', '-'].join(separator);
    expect(await rowsOf(`${text}\n${line}\n`)).toEqual([
      { srcaddr: '10.0.0.1', start: 1700000000, end: 1700000000, 'vpc-id': 'vpc 1' },
    ]);
  }
});

test('NODATA and SKIPDATA are rows, not rejects', async () => {
  const text = ['NODATA', 'SKIPDATA']
    .map((status) => `2 123456789010 eni-1a2b3c4d - - - - - - - 1431280876 1431280934 - ${status}\n`)
    .join('');
  const row = {
    'account-id': '123456789010',
    'interface-id': 'eni-1a2b3c4d',
    start: 1431280876,
    end: 1431280934,
  };
  expect(await rowsOf(text)).toEqual([
    { ...row, 'log-status': 'NODATA' },
    { ...row, 'log-status': 'SKIPDATA' },
  ]);
});

test('an account can be unknown and an interface absent', async () => {
  const line = LINE.replace('123456789012', 'unknown').replace('eni-0a1b2c3d4e5f60718', '-');
  const { 'interface-id': _, ...rest } = ROW;
  expect(await rowsOf(`${line}\n`)).toEqual([{ ...rest, 'account-id': 'unknown' }]);
});

test('milliseconds are made seconds', async () => {
  const line = LINE.replace('1700000000', '1700000000123').replace('1700000059', '1700000059999');
  expect(await rowsOf(`${line}\n`)).toEqual([ROW]);
});

test('a window written the wrong way round is turned, and one time stands for both', async () => {
  expect(await rowsOf(`${LINE.replace('1700000000 1700000059', '1700000059 1700000000')}\n`)).toEqual([ROW]);
  expect(await rowsOf(`${LINE.replace('1700000000 1700000059', '- 1700000059')}\n`)).toEqual([
    { ...ROW, start: 1700000059 },
  ]);
});

test('blanks, carriage returns, a byte order mark, comments and blank lines do not matter', async () => {
  const text = `\uFEFF# copied from the documentation\r\n\r\n  ${LINE.replaceAll(' ', '  ')} \t\r\n\n \n${LINE}\r\n`;
  expect(await rowsOf(text)).toEqual([ROW, ROW]);
});

test("AWS's delivery test glued to the first record is taken off", async () => {
  const decoded = await decodeText(
    `Permission Check Successful${LINE}\nPermission Check Successful\n${LINE}\n`,
  );
  expect(decoded.rows).toEqual([ROW, ROW]);
  expect(decoded.received).toBe(2);
});

test('tags are decoded, and an escape that is none stays', async () => {
  const text =
    'end instance-tag interface-tag asg-tag asg-tag-2\n1700000000 web%20front%2Dend %C3%A9t%C3%A9 100% %2D\n';
  expect(await rowsOf(text)).toEqual([
    {
      start: 1700000000,
      end: 1700000000,
      'instance-tag': 'web front-end',
      'interface-tag': 'été',
      'asg-tag': '100%',
      'asg-tag-2': '-',
    },
  ]);
});

test('a field that is left out is absent, and log-status is then ok', async () => {
  expect(await rowsOf('srcaddr end\n10.0.0.1 1700000000\n')).toEqual([
    { srcaddr: '10.0.0.1', start: 1700000000, end: 1700000000 },
  ]);
});

test('hostile names are plain text', async () => {
  const text =
    'end vpc-id subnet-id instance-id region\n1700000000 __proto__ constructor toString hasOwnProperty\n';
  expect(await rowsOf(text)).toEqual([
    Object.assign(Object.create(null), {
      start: 1700000000,
      end: 1700000000,
      'vpc-id': '__proto__',
      'subnet-id': 'constructor',
      'instance-id': 'toString',
      region: 'hasOwnProperty',
    }),
  ]);
});

test('counts are exact up to 2^53', async () => {
  const line = LINE.replace('10 840', '9007199254740991 9007199254740990');
  expect(await rowsOf(`${line}\n`)).toEqual([{ ...ROW, packets: 9007199254740991, bytes: 9007199254740990 }]);
});

test('a batch is handed on when it is full and when the layout changes', async () => {
  const decoded = await decodeText(`${`${LINE}\n`.repeat(20)}end vpc-id\n${'1700000000 vpc-1\n'.repeat(9)}`, {
    batchRows: 8,
  });
  expect(decoded.parts).toEqual([8, 8, 4, 8, 1]);
});
