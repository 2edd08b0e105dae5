import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AgingFilter } from '../../src/columns/aging-filter.ts';

const hash = fc.nat(0xffffffff);

describe('AgingFilter', () => {
  it('holds what was added for one turn and forgets it after two', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(hash, hash), { minLength: 1, maxLength: 50 }), (added) => {
        const filter = new AgingFilter(1 << 12);
        for (const [a, b] of added) filter.add(a, b);
        filter.turn();
        for (const [a, b] of added) expect(filter.maybe(a, b)).toBe(true);
        const copy = new AgingFilter(1 << 12);
        copy.restore(filter.snapshot());
        expect(copy.snapshot()).toEqual(filter.snapshot());
        for (const [a, b] of added) expect(copy.maybe(a, b)).toBe(true);
        filter.turn();
        for (const [a, b] of added) expect(filter.maybe(a, b)).toBe(false);
      }),
    );
  });
});
