import { expect, test } from 'vitest';
import { parseFormat } from '../../src/parse/format.ts';

const braced = (...names: string[]): string => names.map((name) => `\${${name}}`).join(' ');

test("AWS's syntax gives the fields in order", () => {
  expect(parseFormat(braced('end', 'srcaddr', 'asg-tag-2'))).toEqual({
    fields: ['end', 'srcaddr', 'asg-tag-2'],
    unknown: [],
    separator: ' ',
  });
});

test('names that are unknown are told', () => {
  expect(parseFormat(braced('version', 'from-2031'))).toMatchObject({
    fields: ['version', 'from-2031'],
    unknown: ['from-2031'],
  });
  expect(parseFormat('version srcaddr dstaddr from-2031')?.unknown).toEqual(['from-2031']);
});

test('a header may have underscores or capitals', () => {
  expect(parseFormat('Account_ID,SRCADDR,"tcp_flags"')).toEqual({
    fields: ['account-id', 'srcaddr', 'tcp-flags'],
    unknown: [],
    separator: ',',
  });
});

test('text that is no format is none', () => {
  for (const text of [
    '',
    ' ',
    '${',
    braced(''),
    braced('a b'),
    `${braced('end')} and more`,
    'end',
    'hello world',
    braced(),
  ])
    expect(parseFormat(text)).toBeUndefined();
  expect(parseFormat(braced(...Array.from({ length: 257 }, (_, index) => `f${index}`)))).toBeUndefined();
});
