import { describe, expect, it } from 'vitest';
import { slopeOf } from '../../bench/slope.ts';
import { createTraffic } from '../../bench/traffic.ts';
import { logLine } from '../cli/run.ts';

describe('the slope of samples', () => {
  it('is that of the line they lie on, without error', () => {
    const points = [0, 1, 2, 5].map((x) => [x, 3 * x + 7] as const);
    const { slope, error } = slopeOf(points);
    expect(slope).toBeCloseTo(3, 12);
    expect(error).toBeCloseTo(0, 6);
  });

  it('has the standard error of a regression', () => {
    // By hand: mean 2.5, sum of squares 5, slope 0.8, residuals 0.7 -1.1 0.1 0.3 … of y = 1, 0, 2, 3.
    const { slope, error } = slopeOf([
      [1, 1],
      [2, 0],
      [3, 2],
      [4, 3],
    ]);
    expect(slope).toBeCloseTo(0.8, 12);
    expect(error).toBeCloseTo(Math.sqrt(1.8 / 2 / 5), 12);
  });
});

describe('traffic of a soak', () => {
  it('comes again with later times, and is the same otherwise', () => {
    const lines = [0, 20, 70].map((second) => logLine('10.0.0.1', '10.0.0.2', 443, 'ACCEPT', second));
    const traffic = createTraffic(Buffer.from(`${lines.join('\n')}\n`));
    const read = (): string => String(traffic.next(2).bytes);
    // From the first start to the last end 121 seconds: three whole minutes.
    const later = [180, 200, 250].map((second) => logLine('10.0.0.1', '10.0.0.2', 443, 'ACCEPT', second));
    const all = [read(), read(), read(), read()].join('');
    expect(all).toBe(`${[...lines, ...later].join('\n')}\n`);
  });
});
