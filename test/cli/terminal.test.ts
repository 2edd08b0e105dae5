import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cut, grouped, lengthOf, safe, shellWord, toJson } from '../../src/cli/terminal.ts';

describe('cli/terminal', () => {
  it.each([
    ['\x1b[31mred', '\\x1b[31mred', 'ANSI'],
    ['\x9b31m', '\\x9b31m', 'the one-byte form of ANSI'],
    ['a\rb', 'a\\x0db', 'a return that overwrites the line'],
    ['a\nb\tc', 'a\\nb\\tc', 'a line end that fakes a line'],
    ['\u202egnp.exe', '\\u202egnp.exe', 'an override of direction'],
    ['\u2066x\u2069', '\\u2066x\\u2069', 'an isolate'],
    ['a\u200bb', 'a\\u200bb', 'a character of no width'],
    ['a\u2028b', 'a\\u2028b', 'a line separator'],
    ['\u{e0041}', '\\u{e0041}', 'a tag character'],
    ['\ud800', '\\ud800', 'half of a surrogate pair'],
    ['Zürich → 東京 🚀', 'Zürich → 東京 🚀', 'harmless text stays'],
  ])('shows %j as %j: %s', (text, shown) => {
    expect(safe(text)).toBe(shown);
  });

  it('leaves nothing that a terminal would obey, whatever comes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(safe(text)).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
      }),
    );
  });

  it('writes JSON that is safe to show and reads back the same', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const json = toJson({ [text]: text });
        expect(json).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
        expect(Object.entries(JSON.parse(json))).toEqual([[text, text]]);
      }),
    );
  });

  it('groups thousands', () => {
    expect([0, 999, 1000, 1234567.4].map(grouped)).toEqual(['0', '999', '1,000', '1,234,567']);
  });

  it('tells lengths of time in the two largest units', () => {
    expect([0, 59, 60, 3661, 90_000].map(lengthOf)).toEqual(['0s', '59s', '1m', '1h 1m', '1d 1h']);
  });

  it('cuts to a width', () => {
    expect(cut('abcdef', 4)).toBe('abc…');
    expect(cut('abcd', 4)).toBe('abcd');
  });

  it('quotes what a shell would take apart', () => {
    expect(shellWord('a/b-c.log')).toBe('a/b-c.log');
    expect(shellWord("it's; rm -rf $HOME")).toBe(`'it'\\''s; rm -rf $HOME'`);
  });
});
