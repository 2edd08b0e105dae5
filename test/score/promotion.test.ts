import { describe, expect, it } from 'vitest';
import { type Candidate, Promotions } from '../../src/score/promotion.ts';

const T = 1_767_571_200;
const HOUR = 3600;
const candidate: Candidate = {
  detector: 'test',
  promote: { after: 48 * HOUR, budget: 2 },
  parameters: 'a',
  learns: 0,
};

/** Shows openings at their hours, step by step of an hour; returns the hour of the promotion. */
function promotedAt(
  hours: readonly number[],
  { one = candidate, until = 200, restart = false, failing = [] as readonly number[] } = {},
): number | undefined {
  let trials = new Promotions([one]);
  for (let hour = 0; hour <= until; hour++) {
    const now = T + hour * HOUR;
    for (const opened of hours) if (opened === hour) trials.opened('test', now);
    if (failing.includes(hour)) trials.hold('test', now);
    trials.advance(now);
    if (restart) {
      const next = new Promotions([one]);
      next.restore(trials.snapshot());
      trials = next;
    }
    if (trials.isPromoted('test')) return hour;
  }
  return undefined;
}

describe('a detector on trial', () => {
  it.each([
    ['without any alert', [], 48],
    ['with as many as the budget allows', [1, 1], 48],
    ['with as many in each of two days', [1, 1, 26, 26], 48],
    ['with one more: the time begins anew', [1, 1, 1], 49],
    ['with one more within 24 hours of other dates', [10, 20, 33], 81],
    ['with one more, over and over', [1, 1, 1, 10, 30, 31, 33], 81],
  ])('is promoted after it kept to its budget for as long as it has to: %s', (_what, hours, expected) => {
    expect(promotedAt(hours)).toBe(expected);
    expect(promotedAt(hours, { restart: true })).toBe(expected);
  });

  it('never is while it goes over its budget every day', () => {
    const hours = Array.from({ length: 30 }, (_, i) => i * 8);
    expect(promotedAt(hours)).toBeUndefined();
  });

  it('proves nothing while it learns, nor while it fails', () => {
    expect(promotedAt([], { one: { ...candidate, learns: 24 * HOUR } })).toBe(72);
    expect(promotedAt([], { failing: [10, 30] })).toBe(78);
  });

  it('stays promoted whatever it finds later, until its parameters change', () => {
    const trials = new Promotions([candidate]);
    trials.advance(T);
    trials.advance(T + 48 * HOUR);
    for (let i = 0; i < 10; i++) trials.opened('test', T + 49 * HOUR);
    trials.advance(T + 50 * HOUR);
    expect(trials.isPromoted('test')).toBe(true);
    expect(trials.trial('test', T + 50 * HOUR)).toMatchObject({ promoted: T + 48 * HOUR });

    const same = new Promotions([{ ...candidate, promote: { after: 1, budget: 0 } }]);
    same.restore(trials.snapshot());
    expect(same.isPromoted('test')).toBe(true);
    const changed = new Promotions([{ ...candidate, parameters: 'b', learns: HOUR }]);
    changed.restore(trials.snapshot());
    expect(changed.isPromoted('test')).toBe(false);
    changed.advance(T + 60 * HOUR);
    // What it learns, it has learnt from the first step on.
    expect(changed.trial('test', T + 60 * HOUR)).toMatchObject({ until: T + 108 * HOUR });
  });

  it('tells what happens once: that it begins, goes over its budget, is promoted', () => {
    const trials = new Promotions([candidate]);
    trials.advance(T);
    for (let i = 0; i < 6; i++) trials.opened('test', T + HOUR);
    expect(trials.takeNews()).toMatchObject([
      { what: 'begins', until: T + 48 * HOUR },
      { what: 'over budget', lastDay: 3, budget: 2, until: T + 49 * HOUR },
    ]);
    trials.advance(T + 49 * HOUR);
    expect(trials.takeNews()).toMatchObject([{ what: 'promoted', promoted: T + 49 * HOUR }]);
    expect(trials.takeNews()).toEqual([]);
  });

  it('says nothing of detectors that are not', () => {
    const trials = new Promotions([candidate]);
    trials.opened('other', T);
    trials.hold('other', T);
    expect([trials.isPromoted('other'), trials.trial('other', T)]).toEqual([false, undefined]);
  });
});
