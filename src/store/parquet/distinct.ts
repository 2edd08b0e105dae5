/** Values past which a column has no dictionary: half of what the tables here have room for. */
export const MAX_DISTINCT = 1 << 15;
const SLOTS = MAX_DISTINCT * 2;
/** Steps of all searches together, as a multiple of the values: more means values that were made to collide. */
const MAX_STEPS = 8;

/** Memory of {@link indexNumbers} and {@link indexAddresses}, used again and again. */
export interface DistinctTable {
  /** Position + 1 of a value among the distinct ones; 0 = none. */
  readonly slots: Int32Array;
  /** The distinct values in the order of their first sight, one or four words each. */
  readonly values: Uint32Array;
}

export function createDistinctTable(): DistinctTable {
  return { slots: new Int32Array(SLOTS), values: new Uint32Array(MAX_DISTINCT * 4) };
}

/**
 * Finds the distinct ones of `count` values and writes into `indexes` which one each is. Returns how many there are, or -1 when they are
 * more than `limit` (at most {@link MAX_DISTINCT}) or collide too often.
 */
export function indexNumbers(
  table: DistinctTable,
  numbers: Uint32Array,
  count: number,
  indexes: Uint32Array,
  limit: number,
): number {
  const { slots, values } = table;
  slots.fill(0);
  let distinct = 0;
  let steps = count * MAX_STEPS;
  // Times and protocols stand in runs.
  let last = -1;
  let lastIndex = 0;
  for (let i = 0; i < count; i++) {
    const number = numbers[i]!;
    if (number === last) {
      indexes[i] = lastIndex;
      continue;
    }
    let slot = Math.imul(number, 0x9e3779b1) >>> 16;
    let at = slots[slot]!;
    while (at !== 0 && values[at - 1] !== number) {
      if (--steps < 0) return -1;
      slot = (slot + 1) & (SLOTS - 1);
      at = slots[slot]!;
    }
    if (at === 0) {
      if (distinct === limit) return -1;
      values[distinct] = number;
      at = ++distinct;
      slots[slot] = at;
    }
    last = number;
    lastIndex = at - 1;
    indexes[i] = lastIndex;
  }
  return distinct;
}

/** As {@link indexNumbers} for addresses of four words, at most {@link MAX_DISTINCT}. */
export function indexAddresses(
  table: DistinctTable,
  words: Uint32Array,
  count: number,
  indexes: Uint32Array,
): number {
  const { slots, values } = table;
  slots.fill(0);
  let distinct = 0;
  let steps = count * MAX_STEPS;
  for (let i = 0; i < count; i++) {
    const a = words[i * 4]!;
    const b = words[i * 4 + 1]!;
    const c = words[i * 4 + 2]!;
    const d = words[i * 4 + 3]!;
    let hash = Math.imul(a, 0x85ebca6b) ^ Math.imul(b, 0xc2b2ae35) ^ Math.imul(c, 0x27d4eb2f) ^ d;
    hash = Math.imul(hash ^ (hash >>> 15), 0x9e3779b1);
    let slot = hash >>> 16;
    let at = slots[slot]!;
    while (at !== 0) {
      const known = (at - 1) * 4;
      if (
        values[known + 3] === d &&
        values[known + 2] === c &&
        values[known + 1] === b &&
        values[known] === a
      )
        break;
      if (--steps < 0) return -1;
      slot = (slot + 1) & (SLOTS - 1);
      at = slots[slot]!;
    }
    if (at === 0) {
      if (distinct === MAX_DISTINCT) return -1;
      values[distinct * 4] = a;
      values[distinct * 4 + 1] = b;
      values[distinct * 4 + 2] = c;
      values[distinct * 4 + 3] = d;
      at = ++distinct;
      slots[slot] = at;
    }
    indexes[i] = at - 1;
  }
  return distinct;
}
