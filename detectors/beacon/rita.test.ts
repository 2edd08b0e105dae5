import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deviationOf, medianOf } from './rita.ts';

describe('the median distance from the median', () => {
  it('is the median of all distances, for any values', () => {
    // Few different values, so that many are equal and at equal distances.
    const values = fc.oneof(fc.integer({ min: 0, max: 6 }), fc.double({ min: 0, max: 65_535, noNaN: true }));
    fc.assert(
      fc.property(fc.array(values, { minLength: 1, maxLength: 40 }), (list) => {
        const sorted = Float64Array.from(list).sort();
        const median = medianOf(sorted);
        const distances = sorted.map((value) => Math.abs(value - median)).sort();
        expect(deviationOf(sorted, median)).toBe(medianOf(distances));
      }),
    );
  });
});
