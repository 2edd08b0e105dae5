import { describe, expect, it } from 'vitest';
import { slopeOf } from '../../bench/slope.ts';
import { createTraffic } from '../../bench/traffic.ts';
import { Random } from '../../src/simulate/random.ts';
import { logLine } from '../cli/run.ts';

describe('the slope of samples', () => {
  it('is that of the line they lie on, without error', () => {
    const points = [0, 1, 2, 5].map((x) => [x, 3 * x + 7] as const);
    const { slope, error } = slopeOf(points);
    expect(slope).toBeCloseTo(3, 12);
    expect(error).toBeCloseTo(0, 6);
  });

  it('is not moved by single points that are far off', () => {
    const points = Array.from({ length: 21 }, (_, x) => [x, x % 7 === 3 ? 1000 : 2 * x] as const);
    expect(slopeOf(points).slope).toBeCloseTo(2, 12);
  });

  it('has an error that holds the true slope about as often as it should, also when neighbours are alike', () => {
    const random = new Random(1, 'slopes');
    let within = 0;
    const runs = 400;
    for (let run = 0; run < runs; run++) {
      let drift = 0;
      const points = Array.from({ length: 40 }, (_, x) => {
        drift = 0.6 * drift + random.unit() - 0.5;
        return [x, 5 * x + drift] as const;
      });
      const { slope, error } = slopeOf(points);
      if (Math.abs(slope - 5) < error) within++;
    }
    // 68 % of a normal distribution; what neighbours have in common is found a little too small in so few points.
    expect(within / runs).toBeGreaterThan(0.55);
    expect(within / runs).toBeLessThan(0.78);
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
