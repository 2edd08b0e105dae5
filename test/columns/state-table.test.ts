import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NO_ROW } from '../../src/columns/key-table.ts';
import { f64, StateTable, u8, u32 } from '../../src/columns/state-table.ts';

const make = () => new StateTable(1, 500, { count: f64(), tail: u32(3), flag: u8() });

describe('StateTable', () => {
  it('keeps the columns of each key through growth, deletes and reuse, new rows being zeros', () => {
    const operation = fc.record({ key: fc.nat(700), remove: fc.boolean() });
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 1500 }), (operations) => {
        const table = make();
        const model = new Map<number, number>();
        for (const { key, remove } of operations) {
          const words = Uint32Array.of(key);
          if (remove && key % 3 === 0) {
            const row = table.find(words, 0);
            expect(row !== NO_ROW).toBe(model.delete(key));
            if (row !== NO_ROW) table.delete(row);
            continue;
          }
          const row = table.upsert(words, 0);
          if (row === NO_ROW) {
            expect(model.size).toBe(500);
            continue;
          }
          const count = (model.get(key) ?? 0) + 1;
          model.set(key, count);
          const { columns } = table;
          columns.count[row] = columns.count[row]! + 1;
          columns.tail[row * 3 + 2] = columns.tail[row * 3 + 2]! + 2;
          expect(columns.count[row]).toBe(count);
          expect(columns.tail[row * 3 + 2]).toBe(count * 2);
          expect(columns.tail[row * 3]).toBe(0);
        }
      }),
    );
  });

  it('restores rows and columns', () => {
    const table = make();
    for (let key = 0; key < 300; key++) {
      const row = table.upsert(Uint32Array.of(key), 0);
      table.columns.count[row] = key;
    }
    for (let key = 0; key < 300; key += 7) table.delete(table.find(Uint32Array.of(key), 0));
    const copy = make();
    copy.restore(table.snapshot());
    expect(copy.snapshot()).toEqual(table.snapshot());
    expect(copy.size).toBe(table.size);
    for (let key = 0; key < 300; key++) {
      const row = copy.find(Uint32Array.of(key), 0);
      expect(row).toBe(table.find(Uint32Array.of(key), 0));
      if (row !== NO_ROW) expect(copy.columns.count[row]).toBe(key);
    }
    expect(copy.upsert(Uint32Array.of(9999), 0)).toBe(table.upsert(Uint32Array.of(9999), 0));
  });

  it('refuses a snapshot without one of its columns, unless the column came later', () => {
    const other = new StateTable(1, 10, { count: f64() });
    other.upsert(Uint32Array.of(7), 0);
    expect(() => make().restore(other.snapshot())).toThrow('no column tail');
    const table = make();
    table.restore(other.snapshot(), ['tail', 'flag']);
    expect([...table.columns.tail.subarray(0, 3)]).toEqual([0, 0, 0]);
  });
});
