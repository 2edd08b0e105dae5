import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AgingFilter } from '../../src/columns/aging-filter.ts';
import { hashNumber } from '../../src/columns/key-table.ts';

const hash = fc.nat(0xffffffff);

describe('AgingFilter', () => {
  it('holds what was added for one turn and forgets it after two', () => {
    fc.assert(
      fc.property(fc.array(hash, { minLength: 1, maxLength: 50 }), (added) => {
        const filter = new AgingFilter(1 << 12);
        for (const key of added) filter.add(key);
        filter.turn();
        for (const key of added) expect(filter.maybe(key)).toBe(true);
        const copy = new AgingFilter(1 << 12);
        copy.restore(filter.snapshot());
        expect(copy.snapshot()).toEqual(filter.snapshot());
        for (const key of added) expect(copy.maybe(key)).toBe(true);
        filter.turn();
        for (const key of added) expect(filter.maybe(key)).toBe(false);
      }),
    );
  });

  it('takes one in fifty for known that it never saw, with a tenth as many keys as bits', () => {
    const filter = new AgingFilter(1 << 16);
    const keys = Array.from({ length: 6553 + 20_000 }, (_, i) => hashNumber(i));
    for (const key of keys.slice(0, 6553)) filter.add(key);
    const wrong = keys.slice(6553).filter((key) => filter.maybe(key)).length;
    expect(wrong / 20_000).toBeLessThan(0.025);
    expect(filter.overflow).toBeLessThan(100);
  });

  it('counts what is more than it is made for, and begins anew when it had another size', () => {
    const filter = new AgingFilter(1 << 12);
    for (let i = 0; i < 2000; i++) filter.add(hashNumber(i));
    expect(filter.overflow).toBeGreaterThan(500);
    const copy = new AgingFilter(1 << 12);
    copy.restore(filter.snapshot());
    expect(copy.overflow).toBe(filter.overflow);
    const larger = new AgingFilter(1 << 13);
    larger.restore(filter.snapshot());
    expect(larger.maybe(hashNumber(1))).toBe(false);
  });
});
