import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KeyFilter } from '../../src/columns/key-filter.ts';
import { hashNumber } from '../../src/columns/key-table.ts';

const hash = fc.nat(0xffffffff);

describe('KeyFilter', () => {
  it('never denies what was added, and denies most of what was not', () => {
    fc.assert(
      fc.property(fc.array(hash, { maxLength: 200 }), (added) => {
        const filter = new KeyFilter();
        for (const value of added) filter.add(value);
        for (const value of added) expect(filter.maybe(value)).toBe(true);
      }),
    );
    const filter = new KeyFilter();
    filter.rebuild(1000);
    for (let i = 0; i < 1000; i++) filter.add(hashNumber(i));
    let wrong = 0;
    for (let i = 1000; i < 11_000; i++) if (filter.maybe(hashNumber(i))) wrong++;
    expect(wrong).toBeLessThan(1000);
    filter.rebuild(1000);
    expect(filter.maybe(hashNumber(1))).toBe(false);
  });
});
