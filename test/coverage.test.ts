import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Dictionary } from '../src/columns/dictionary.ts';
import { CoverageBook } from '../src/coverage.ts';
import { type InterfaceLiteral, stepOf } from './rows.ts';

const T0 = 1_760_313_600;
const MINUTE = 60;
const DAY = 86_400;

function at(interval = 60) {
  const names = new Dictionary();
  let learnt = interval;
  const create = () => new CoverageBook(() => learnt);
  let book = create();
  return {
    /** Minutes [from, to), each with what `of` gives. */
    play(from: number, to: number, of: (minute: number) => readonly (string | InterfaceLiteral)[]) {
      for (let minute = from; minute < to; minute++) {
        const interfaces = of(minute).map((row) => (typeof row === 'string' ? { interface: row } : row));
        book.step(stepOf({ start: T0 + minute * MINUTE, interfaces }, names));
      }
    },
    restart() {
      const state = book.snapshot();
      book = create();
      book.restore(state);
    },
    learn(other: 60 | 600) {
      learnt = other;
    },
    count: (taken: Parameters<CoverageBook['count']>[0]) => book.count(taken),
    figures: () => book.figures(() => []),
  };
}

describe('coverage', () => {
  it('is whole when each interface has records in each minute', () => {
    const { play, figures } = at();
    play(0, 60, () => ['a', 'b']);
    expect(figures()).toMatchObject({
      from: T0,
      to: T0 + 59 * MINUTE,
      interfaces: { seen: 2, expected: 2, speaking: 2 },
      minutes: { expected: 120, heard: 120 },
    });
  });

  it('is whole when records come once in an aggregation interval', () => {
    const { play, figures } = at(600);
    play(0, 61, (minute) => (minute % 10 === 0 ? ['a'] : []));
    expect(figures().minutes).toEqual({ expected: 61, heard: 61 });
  });

  it('lacks the minutes of a gap, and those since an interface fell silent', () => {
    const { play, figures } = at();
    play(0, 100, (minute) => (minute < 50 || minute >= 70 ? ['a', ...(minute < 50 ? ['b'] : [])] : []));
    expect(figures()).toMatchObject({
      interfaces: { seen: 2, expected: 2, speaking: 1 },
      minutes: { expected: 200, heard: 80 + 51 },
    });
  });

  it('expects an interface no more when it was silent for a day, which stays a day without records', () => {
    const { play, figures } = at();
    play(0, 60, () => ['a', 'b']);
    play(60, 60 + DAY / 60 + 61, () => ['a']);
    const { interfaces, minutes } = figures();
    expect(interfaces).toEqual({ seen: 2, expected: 1, speaking: 1 });
    expect(minutes.expected - minutes.heard).toBe(DAY / 60 - 1);
    play(60 + DAY / 60 + 61, 60 + (3 * DAY) / 60, () => ['a']);
    expect(figures().minutes.expected - figures().minutes.heard).toBe(DAY / 60 - 1);
  });

  it('counts a day of a silence, also when time went on without steps', () => {
    const { play, figures } = at();
    play(0, 60, () => ['a', 'b']);
    play((9 * DAY) / 60, (9 * DAY) / 60 + 60, () => ['a']);
    const missing = 2 * (DAY / 60 - 1);
    expect(figures().minutes).toEqual({ expected: missing + 181, heard: 181 });
  });

  it('never goes back, whoever comes, falls silent or is forgotten, after any restart and whatever interval is learnt', () => {
    const spans = [1, 2, 3, 9, 11, 19, 21, 45, 60, 1439, 1441, 1500, 3000];
    const stretch = fc.record({
      minutes: fc.constantFrom(...spans),
      speaking: fc.subarray(['a', 'b', 'c']),
      every: fc.constantFrom(1, 2, 5, 10),
      after: fc.constantFrom('restart', 'learn 60', 'learn 600', 'jump', 'nothing'),
    });
    fc.assert(
      fc.property(fc.array(stretch, { minLength: 2, maxLength: 8 }), (stretches) => {
        const { play, restart, learn, figures } = at();
        let minute = 0;
        let shown = figures().minutes;
        const look = (): void => {
          const now = figures().minutes;
          // An expectation each minute would be most of the test.
          if (now.expected < shown.expected || now.heard < shown.heard || now.heard > now.expected)
            expect({ minute, now }).toEqual({ minute, now: shown });
          shown = now;
        };
        for (const { minutes, speaking, every, after } of stretches) {
          for (const end = minute + minutes; minute < end; minute++) {
            play(minute, minute + 1, () => (minute % every === 0 ? speaking : []));
            look();
          }
          if (after === 'restart') restart();
          else if (after === 'learn 60') learn(60);
          else if (after === 'learn 600') learn(600);
          else if (after === 'jump') minute += 5 * 1440;
          look();
        }
      }),
      { numRuns: Number(process.env.FLOWSENTRY_PROPERTY_RUNS ?? 100), endOnFailure: true },
    );
  });

  it('counts records, and what of them came late, was skipped or refused', () => {
    const { play, count, figures } = at();
    play(0, 2, () => [{ interface: 'a', records: 5, skipData: 2 }]);
    count({ records: 10 });
    count({ rejected: 3 });
    count({ late: 1 });
    expect(figures()).toMatchObject({ records: 13, skipData: 4, late: 1, rejected: 3 });
  });

  it('goes on after a restart as if nothing had happened', () => {
    const [one, two] = [at(), at()];
    for (const run of [one, two]) {
      run.play(0, 30, () => ['a', 'b']);
      run.count({ records: 7 });
      if (run === two) run.restart();
      run.play(30, 90, (minute) => (minute % 3 === 0 ? ['a'] : []));
    }
    expect(two.figures()).toEqual(one.figures());
  });
});
