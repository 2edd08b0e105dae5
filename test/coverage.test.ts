import { describe, expect, it } from 'vitest';
import { Dictionary } from '../src/columns/dictionary.ts';
import { CoverageBook } from '../src/coverage.ts';
import { type InterfaceLiteral, stepOf } from './rows.ts';

const T0 = 1_760_313_600;
const MINUTE = 60;
const DAY = 86_400;

function at(interval = 60) {
  const names = new Dictionary();
  const create = () => new CoverageBook(() => interval);
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

  it('expects an interface no more when it was silent for a day', () => {
    const { play, figures } = at();
    play(0, 60, () => ['a', 'b']);
    play(60, 60 + DAY / 60 + 61, () => ['a']);
    const { interfaces, minutes } = figures();
    expect(interfaces).toEqual({ seen: 2, expected: 1, speaking: 1 });
    expect(minutes.expected).toBe(minutes.heard);
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
