import { describe, expect, it } from 'vitest';
import { createFeedWatch } from '../../src/live/feed-watch.ts';

const HOUR = 3600;
const drop = { name: 'drop', interval: HOUR, stale: 86_400 };

function open(seed = 'a') {
  let clock = 1_767_571_200;
  const watch = createFeedWatch(() => clock);
  watch.begin([drop], seed);
  const untilDue = (): number => {
    const from = clock;
    while (watch.due().length === 0) clock++;
    return clock - from;
  };
  return { watch, untilDue, pass: (seconds: number) => (clock += seconds), now: () => clock };
}

describe('the questions to a feed', () => {
  it('begin within seconds, and come once an interval, a tenth more or less', () => {
    const { watch, untilDue } = open();
    expect(untilDue()).toBeLessThanOrEqual(10);
    const waits = Array.from({ length: 50 }, () => {
      watch.answered({ feed: 'drop', outcome: 'unchanged' });
      return untilDue();
    });
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(HOUR * 0.9);
    expect(Math.max(...waits)).toBeLessThanOrEqual(HOUR * 1.1 + 1);
    expect(new Set(waits).size).toBeGreaterThan(30);
  });

  it('come at the same times for the same seed, and at others for another', () => {
    const times = (seed: string): number[] => {
      const { watch, untilDue } = open(seed);
      return Array.from({ length: 5 }, () => {
        const wait = untilDue();
        watch.answered({ feed: 'drop', outcome: 'unchanged' });
        return wait;
      });
    };
    expect(times('a')).toEqual(times('a'));
    expect(times('a')).not.toEqual(times('b'));
  });

  it('come sooner after a failure, then more and more slowly', () => {
    const { watch, untilDue } = open();
    untilDue();
    const waits = Array.from({ length: 8 }, () => {
      watch.answered({ feed: 'drop', outcome: 'failed', problem: 'status 503' });
      return untilDue();
    });
    expect(waits[0]).toBeLessThan(70);
    expect(waits[2]).toBeGreaterThan(200);
    expect(waits[7]).toBeGreaterThan(HOUR * 0.85);
  });

  it('come soon when the service begins anew or an update came to nothing', () => {
    const { watch, untilDue } = open();
    untilDue();
    watch.answered({ feed: 'drop', outcome: 'updated' });
    watch.begin([drop], 'a');
    expect(untilDue()).toBeLessThanOrEqual(10);
    watch.answered({ feed: 'drop', outcome: 'updated' });
    watch.retry();
    expect(untilDue()).toBe(0);
  });
});

describe('what is seen of a feed', () => {
  it('counts answers, and the age of the list in use', () => {
    const { watch, pass, now } = open();
    watch.holds('drop', 900, now() - 50);
    for (const outcome of ['updated', 'unchanged', 'refused', 'failed', 'failed', 'dropped'] as const)
      watch.answered({ feed: 'drop', outcome });
    pass(100);
    const answers = { updated: 1, unchanged: 1, refused: 1, failed: 2, dropped: 1 };
    expect(watch.view()).toEqual([{ feed: 'drop', networks: 900, age: 100, answers }]);
    watch.begin([], 'a');
    expect(watch.view()).toEqual([]);
  });

  it('is reported each minute, at once after a refusal, and as missing while there is no list', () => {
    const { watch, pass } = open();
    expect(watch.take()).toEqual([]);
    pass(60);
    expect(watch.take()).toMatchObject([{ feed: 'drop', age: 60, limit: 86_400, refused: undefined }]);
    watch.answered({ feed: 'drop', outcome: 'refused', problem: 'it is empty' });
    expect(watch.take()).toMatchObject([{ refused: 'it is empty' }]);
    watch.answered({ feed: 'drop', outcome: 'refused', problem: 'it is empty' });
    expect(watch.take()).toEqual([]);
    pass(60);
    watch.answered({ feed: 'drop', outcome: 'unchanged' });
    expect(watch.take()).toMatchObject([{ refused: undefined, age: 0 }]);
  });
});
