import { KeyTable } from '../src/columns/key-table.ts';
import { type Bench, medianOf, nsPerRecord } from './measure.ts';

const UPSERTS = 1_000_000;
const KEYS = 100_000;
const WORDS = 4;

/** Upserts of address keys, nine of ten of which are known. */
export const benchKeyTable: Bench = async () => {
  const keys = new Uint32Array(UPSERTS * WORDS);
  for (let i = 0; i < UPSERTS; i++) {
    keys[i * WORDS + 2] = 0xffff;
    keys[i * WORDS + 3] = (Math.imul(i, 0x9e3779b1) >>> 0) % KEYS;
  }
  const value = await medianOf(5, () =>
    nsPerRecord(UPSERTS, () => {
      const table = new KeyTable(WORDS, KEYS);
      for (let i = 0; i < UPSERTS; i++) table.upsert(keys, i * WORDS);
    }),
  );
  return [{ bench: 'key table', name: 'upsert', value, unit: 'ns/record' }];
};
