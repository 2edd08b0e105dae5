import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hashNumber } from '../../src/columns/key-table.ts';
import { SlidingDistinct } from '../../src/columns/sliding-distinct.ts';

const events = fc.array(fc.record({ row: fc.nat(3), value: fc.nat(12), wait: fc.nat(3) }), { maxLength: 80 });

describe('SlidingDistinct', () => {
  it('counts what a list of the last five ticks would, also after restore', () => {
    fc.assert(
      fc.property(events, fc.nat(80), (list, cut) => {
        let sliding = new SlidingDistinct(5, 10);
        const seen: { row: number; value: number; tick: number }[] = [];
        let tick = 1;
        for (const [i, { row, value, wait }] of list.entries()) {
          if (i === cut) {
            const copy = new SlidingDistinct(5, 10);
            copy.restore(sliding.snapshot());
            sliding = copy;
          }
          tick += wait;
          sliding.add(row, hashNumber(value), tick);
          seen.push({ row, value, tick });
          for (let r = 0; r < 4; r++) {
            const recent = seen.filter((event) => event.row === r && tick - event.tick < 5);
            expect(sliding.count(r, tick)).toBe(new Set(recent.map((event) => event.value)).size);
          }
        }
      }),
    );
  });

  it('starts from nothing after clear', () => {
    const sliding = new SlidingDistinct(5, 10);
    for (let i = 0; i < 100; i++) sliding.add(7, hashNumber(i), 1);
    expect(sliding.count(7, 1)).toBeGreaterThan(80);
    sliding.clear(7);
    expect(sliding.count(7, 1)).toBe(0);
  });
});
