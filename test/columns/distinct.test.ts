import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DistinctCounts, EXACT_LIMIT } from '../../src/columns/distinct.ts';
import { hashNumber } from '../../src/columns/key-table.ts';
import { joined } from '../../src/columns/snapshot.ts';

const values = fc.array(fc.nat(200), { maxLength: 300 });

function counting(seen: readonly number[], limit = 10): DistinctCounts {
  const counts = new DistinctCounts(limit);
  for (const value of seen) counts.add(0, hashNumber(value));
  return counts;
}

describe('DistinctCounts', () => {
  it('is exact up to 16 values, however often they come', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(EXACT_LIMIT - 1), { maxLength: 200 }), (seen) => {
        const counts = counting(seen);
        expect(counts.count(0)).toBe(new Set(seen).size);
        expect(counts.isExact(0)).toBe(true);
      }),
    );
  });

  it('counts the same for any order and any repetition of the same values', () => {
    fc.assert(
      fc.property(values, fc.infiniteStream(fc.nat()), (seen, random) => {
        const shuffled = seen
          .map((value) => ({ value, rank: random.next().value as number }))
          .sort((a, b) => a.rank - b.rank)
          .map(({ value }) => value);
        expect(counting([...shuffled, ...shuffled]).count(0)).toBe(counting(seen).count(0));
      }),
    );
  });

  it('merges to what one counter of both would count', () => {
    fc.assert(
      fc.property(values, values, (left, right) => {
        const counts = counting(left);
        counts.merge(0, counting(right), 0);
        expect(counts.count(0)).toBe(counting([...left, ...right]).count(0));
      }),
    );
  });

  it('estimates within 25 % from 17 to a million values, 7 % on average', () => {
    let squares = 0;
    let runs = 0;
    for (let size = 17; size < 1_000_000; size = Math.ceil(size * 1.2)) {
      const counts = new DistinctCounts(1);
      for (let i = 0; i < size; i++) counts.add(0, hashNumber(i + size * 7));
      const error = counts.count(0) / size - 1;
      expect(Math.abs(error)).toBeLessThan(0.25);
      squares += error * error;
      runs++;
    }
    expect(Math.sqrt(squares / runs)).toBeLessThan(0.09);
  });

  it('says whether a value changed it', () => {
    const counts = new DistinctCounts(1);
    expect(counts.add(3, 42)).toBe(true);
    expect(counts.add(3, 42)).toBe(false);
    expect(counts.count(2)).toBe(0);
  });

  it('stays at 16 and counts the overflow when every sketch is taken', () => {
    const counts = new DistinctCounts(1);
    for (let i = 0; i < 1000; i++) {
      counts.add(0, hashNumber(i));
      counts.add(1, hashNumber(i));
    }
    expect(counts.count(0)).toBeGreaterThan(800);
    expect(counts.count(1)).toBe(EXACT_LIMIT);
    expect(counts.overflow).toBe(1000 - EXACT_LIMIT);
    counts.clear(0);
    expect(counts.add(1, 7)).toBe(true);
  });

  it('gives cleared memory to other rows, empty', () => {
    const counts = counting(
      Array.from({ length: 500 }, (_, i) => i),
      1,
    );
    const bytes = counts.byteLength;
    for (let round = 1; round < 20; round++) {
      counts.clear(round - 1);
      for (let i = 0; i < 500; i++) counts.add(round, hashNumber(i));
      expect(counts.count(round)).toBe(counting(Array.from({ length: 500 }, (_, i) => i)).count(0));
    }
    expect(counts.byteLength).toBeLessThan(bytes * 1.2);
  });

  it('goes on the same after a snapshot is restored', () => {
    const rows = fc.array(fc.tuple(fc.nat(5), fc.nat(100)), { maxLength: 300 });
    fc.assert(
      fc.property(rows, fc.nat(5), rows, (before, cleared, after) => {
        const counts = new DistinctCounts(3);
        for (const [row, value] of before) counts.add(row, hashNumber(value));
        counts.clear(cleared);
        const copy = new DistinctCounts(3);
        copy.restore(joined(counts.snapshot()));
        for (const [row, value] of after)
          expect(copy.add(row, hashNumber(value))).toBe(counts.add(row, hashNumber(value)));
        for (let row = 0; row < 6; row++) expect(copy.count(row)).toBe(counts.count(row));
        expect(copy.overflow).toBe(counts.overflow);
        expect(copy.snapshot()).toEqual(counts.snapshot());
      }),
    );
  });
});
