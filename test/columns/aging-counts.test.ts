import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AgingCounts } from '../../src/columns/aging-counts.ts';
import { hashNumber } from '../../src/columns/key-table.ts';

const second = (key: number): number => hashNumber(key, 7);

function counted(keys: readonly number[], size = 1024): AgingCounts {
  const counts = new AgingCounts(size);
  for (const key of keys) counts.add(hashNumber(key), second(key));
  return counts;
}
const of = (counts: AgingCounts, key: number): number => counts.count(hashNumber(key), second(key));

describe('aging counts', () => {
  it('never count too low, in any order', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(200), { maxLength: 400 }), (keys) => {
        const counts = counted(keys, 64);
        const reversed = counted(keys.toReversed(), 64);
        for (const key of new Set(keys)) {
          const real = Math.min(255, keys.filter((other) => other === key).length);
          expect(of(counts, key)).toBeGreaterThanOrEqual(real);
          expect(of(reversed, key)).toBe(of(counts, key));
        }
      }),
    );
  });

  it('count exactly while there is room', () => {
    const counts = counted([1, 1, 1, 2]);
    expect([of(counts, 1), of(counts, 2), of(counts, 3)]).toEqual([3, 1, 0]);
  });

  it('forget with the second turn', () => {
    const counts = counted([1, 1]);
    counts.turn();
    counts.add(hashNumber(1), second(1));
    expect(of(counts, 1)).toBe(3);
    counts.turn();
    expect(of(counts, 1)).toBe(1);
    counts.turn();
    expect(of(counts, 1)).toBe(0);
  });

  it('stop at 255 a generation', () => {
    expect(of(counted(Array(1000).fill(5)), 5)).toBe(255);
  });

  it('are restored as they were', () => {
    const counts = counted([1, 1, 2]);
    counts.turn();
    const copy = new AgingCounts(1024);
    copy.restore(counts.snapshot());
    expect(copy.snapshot()).toEqual(counts.snapshot());
    expect(of(copy, 1)).toBe(2);
  });
});
