import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatAddress } from '../src/columns/address.ts';
import { type SessionLiteral, shuffledStep, stepOf } from '../test/rows.ts';
import { Cases } from './cases.ts';
import { putPair } from './sessions.ts';

const T0 = 1_760_000_400;

function create(limit: number, minutes = 5): Cases {
  return new Cases({
    words: 9,
    limit,
    minutes,
    sums: 1,
    keepTold: 60,
    key: (sessions, row, key) => putPair(sessions, row, 0, key),
  });
}

/** One session of each of `sources` with the same host, in minute `minute`: sources and sums of the cases. */
function show(cases: Cases, minute: number, sources: readonly number[], random?: () => number) {
  const active = sources.map(
    (source, i): SessionLiteral => ({ src: `10.0.0.${source}`, dst: '10.1.0.1', sport: 1000 + i }),
  );
  const plain = stepOf({ start: T0 + minute * 60, active });
  const step = random === undefined ? plain : shuffledStep(plain, random);
  cases.begin(step);
  const rows = Array.from({ length: step.active.length }, (_, row) => row);
  return cases.group(step.active, rows).map(({ at, rows }) => {
    for (const _ of rows) cases.add(at, 0, 1);
    return [formatAddress(cases.table.keys.keys, at * 9), cases.sum(at, 0)] as const;
  });
}

describe('cases', () => {
  it('add up what belongs together within the window, and since they began', () => {
    const cases = create(10);
    show(cases, 0, [1, 1, 2]);
    expect(show(cases, 4, [1])).toEqual([['10.0.0.1', 3]]);
    expect(show(cases, 5, [1])).toEqual([['10.0.0.1', 2]]);
    expect(cases.total(0, 0)).toBe(4);
  });

  it('are forgotten when nothing belongs to them any more, told ones later', () => {
    const cases = create(10);
    show(cases, 0, [1, 2]);
    cases.tell(0, 1, 'low');
    show(cases, 20, []);
    expect(cases.size).toBe(1);
    show(cases, 100, []);
    expect(cases.size).toBe(0);
  });

  it('are news when new, doubled, worse or told long ago', () => {
    const cases = create(10);
    show(cases, 0, [1]);
    expect(cases.isNews(0, 5, 'low')).toBe(true);
    expect(cases.tell(0, 5, 'low')).toBe(1);
    expect(cases.isNews(0, 9, 'low')).toBe(false);
    expect(cases.isNews(0, 10, 'low')).toBe(true);
    expect(cases.isNews(0, 5, 'medium')).toBe(true);
    show(cases, 29, []);
    expect(cases.isNews(0, 5, 'low')).toBe(false);
    // Half of the time after which the alert would resolve.
    show(cases, 30, []);
    expect(cases.isNews(0, 5, 'low')).toBe(true);
  });

  it('give their places to the heaviest, counted, told ones kept', () => {
    const cases = create(2);
    show(cases, 0, [1, 2]);
    cases.tell(cases.table.find(cases.table.keys.keys, 0), 1, 'low');
    expect(show(cases, 1, [3, 3, 3, 4])).toEqual([['10.0.0.3', 3]]);
    expect(cases.overflow).toBe(2);
    expect(show(cases, 2, [1, 3])).toEqual([
      ['10.0.0.1', 2],
      ['10.0.0.3', 4],
    ]);
  });

  it('have the same cases and sums whatever the order of rows', () => {
    const minutes = fc.array(fc.array(fc.integer({ min: 1, max: 12 }), { maxLength: 20 }), { maxLength: 8 });
    fc.assert(
      fc.property(
        minutes,
        fc.infiniteStream(fc.nat()),
        fc.integer({ min: 1, max: 6 }),
        (all, stream, limit) => {
          const [plain, shuffled] = [create(limit), create(limit)];
          for (const [minute, sources] of all.entries())
            expect(show(shuffled, minute, sources, () => stream.next().value as number)).toEqual(
              show(plain, minute, sources),
            );
          expect(shuffled.overflow).toBe(plain.overflow);
        },
      ),
      { numRuns: 200 },
    );
  });
});
