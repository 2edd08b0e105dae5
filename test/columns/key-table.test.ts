import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hashNumber, hashWords, KeyTable, NO_ROW } from '../../src/columns/key-table.ts';

const operation = fc.record({ remove: fc.boolean(), high: fc.nat(3), low: fc.nat(40) });

function rowsByKey(table: KeyTable): Map<string, number> {
  const rows = new Map<string, number>();
  for (let row = 0; row < table.rows; row++) {
    if (table.has(row)) rows.set(table.keys.subarray(row * table.words, (row + 1) * table.words).join(), row);
  }
  return rows;
}

describe('KeyTable', () => {
  it('agrees with a Map under any upserts and deletes, up to its limit', () => {
    fc.assert(
      fc.property(
        fc.array(operation, { maxLength: 600 }),
        fc.integer({ min: 1, max: 120 }),
        (operations, limit) => {
          const table = new KeyTable(2, limit);
          const model = new Map<string, number>();
          let refused = 0;
          for (const { remove, high, low } of operations) {
            const key = Uint32Array.of(high, low);
            const known = model.get(key.join());
            expect(table.find(key, 0)).toBe(known ?? NO_ROW);
            if (remove) {
              if (known !== undefined) table.delete(known);
              model.delete(key.join());
              continue;
            }
            const row = table.upsert(key, 0);
            expect(table.added).toBe(known === undefined && model.size < limit);
            if (known !== undefined) expect(row).toBe(known);
            else if (model.size < limit) model.set(key.join(), row);
            else refused++;
          }
          expect(rowsByKey(table)).toEqual(model);
          expect(table.size).toBe(model.size);
          expect(table.overflow).toBe(refused);
          expect(table.rows).toBeLessThanOrEqual(table.capacity);
        },
      ),
    );
  });

  it('goes on with the same rows after a snapshot is restored', () => {
    fc.assert(
      fc.property(fc.array(operation), fc.array(operation), (before, after) => {
        const table = new KeyTable(2, 50);
        const run = (target: KeyTable, operations: typeof before): number[] =>
          operations.map(({ remove, high, low }) => {
            const key = Uint32Array.of(high, low);
            if (!remove) return target.upsert(key, 0);
            const row = target.find(key, 0);
            if (row !== NO_ROW) target.delete(row);
            return row;
          });
        run(table, before);
        const copy = new KeyTable(2, 50);
        copy.restore(table.snapshot());
        expect(run(copy, after)).toEqual(run(table, after));
        expect(rowsByKey(copy)).toEqual(rowsByKey(table));
        expect(copy.overflow).toBe(table.overflow);
        expect(copy.snapshot()).toEqual(table.snapshot());
      }),
    );
  });

  it('reads its keys at an offset of a larger array', () => {
    const table = new KeyTable(4, 10);
    const words = Uint32Array.of(9, 0, 0, 0xffff, 7, 0, 0, 0xffff, 8);
    expect(table.upsert(words, 1)).toBe(0);
    expect(table.upsert(words, 5)).toBe(1);
    expect(table.find(words, 1)).toBe(0);
  });

  it('is empty after clear and gives rows from 0 again', () => {
    const table = new KeyTable(1, 1000);
    for (let i = 0; i < 1000; i++) table.upsert(Uint32Array.of(i), 0);
    table.clear();
    expect(table.size).toBe(0);
    expect(table.find(Uint32Array.of(5), 0)).toBe(NO_ROW);
    expect(table.upsert(Uint32Array.of(5), 0)).toBe(0);
  });

  it('refuses a snapshot of keys of another width', () => {
    expect(() => new KeyTable(4, 10).restore(new KeyTable(2, 10).snapshot())).toThrow(RangeError);
  });
});

describe('hashWords and hashNumber', () => {
  it('spread consecutive IPv4 addresses evenly over high and low bits', () => {
    const low = new Uint32Array(256);
    const high = new Uint32Array(256);
    for (let i = 0; i < 65_536; i++) {
      const hash = hashWords(Uint32Array.of(0, 0, 0xffff, 0x0a00_0000 + i), 0, 4);
      low[hash & 255]!++;
      high[hash >>> 24]!++;
      low[hashNumber(i) & 255]!++;
      high[hashNumber(i) >>> 24]!++;
    }
    // 512 expected a bucket, deviation 23: eight deviations.
    for (const counts of [low, high]) {
      expect(Math.min(...counts)).toBeGreaterThan(320);
      expect(Math.max(...counts)).toBeLessThan(700);
    }
  });
});
