import { describe, expect, it } from 'vitest';
import { csvLine } from '../../src/cli/csv.ts';

describe('cli/csv', () => {
  it('quotes by RFC 4180', () => {
    expect(csvLine(['a', 'b,c', 'say "x"', 'two\nlines', null, 7, true])).toBe(
      'a,"b,c","say ""x""","two\nlines",,7,true\r\n',
    );
  });

  it.each(['=1+1', '+cmd', '-cmd', '@SUM(A1)', '\t=1'])('takes the formula out of %j', (text) => {
    expect(csvLine([text]).replace(/^"/, '')).toMatch(/^'/);
  });

  it.each(['-5', '+1.5', '-1e9'])('leaves the number %s alone', (text) => {
    expect(csvLine([text])).toBe(`${text}\r\n`);
  });
});
