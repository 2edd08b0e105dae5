import { describe, expect, it } from 'vitest';
import { telemetryLoss } from '../../detectors/telemetry-loss/detector.ts';
import { Dictionary } from '../../src/columns/dictionary.ts';
import type { Part } from '../../src/contracts.ts';
import { createSourceWatch } from '../../src/live/source-watch.ts';
import { flowsOf } from '../flows.ts';
import { plainContext } from '../rows.ts';

const T0 = 1_760_313_600;
const MINUTE = 60;
const HOUR = 3600;

function partOf(more: Partial<Part> = {}): Part {
  return {
    partition: 'bucket:a',
    lane: 'bucket:bucket',
    position: undefined,
    batch: undefined,
    rejects: [],
    received: 1,
    skipped: 0,
    answers: [],
    filtered: 0,
    readBytes: 0,
    known: false,
    ids: [],
    idsFrom: undefined,
    availableAt: undefined,
    release() {},
    ...more,
  };
}

/** A part whose newest record ended `lag` seconds before it was available. */
const late = (lag: number): Part =>
  partOf({
    availableAt: (T0 + lag) * 1000,
    batch: flowsOf(
      [
        { src: '10.0.0.1', dst: '10.0.0.2', start: T0 - 120, end: T0 },
        { src: '10.0.0.1', dst: '10.0.0.2', start: T0 - 180, end: T0 - 60 },
      ],
      new Dictionary(),
    ),
  });

function at() {
  let now = 1000;
  const watch = createSourceWatch(() => now);
  watch.begin(['bucket', 'group']);
  return {
    watch,
    wait: (seconds: number) => {
      now += seconds;
      return watch.take();
    },
  };
}

describe('what a service sees of its sources', () => {
  it('is reported once a minute, for each', () => {
    const { wait } = at();
    expect(wait(59)).toEqual([]);
    expect(wait(1).map(({ source }) => source)).toEqual(['bucket', 'group']);
    expect(wait(30)).toEqual([]);
  });

  it('tells silence since the last part, and the longest that there was twice', () => {
    const { watch, wait } = at();
    for (const seconds of [500, 10, 300]) {
      wait(seconds);
      watch.came('bucket', partOf());
    }
    expect(wait(120)).toMatchObject([
      { source: 'bucket', silence: 120, usualSilence: 300, received: 1 },
      { source: 'group', silence: 930, usualSilence: 0, received: 0 },
    ]);
    expect(wait(60)).toMatchObject([{ received: 0 }, { received: 0 }]);
  });

  it('tells a loss at once, and once', () => {
    const { watch, wait } = at();
    const loss = { partition: 'a', from: 1, to: 5, reason: 'gone' };
    watch.lost('group', loss);
    expect(wait(0)).toMatchObject([{ source: 'group', lost: [loss] }]);
    expect(wait(0)).toEqual([]);
  });

  it('tells a loss of what is no source, and nothing else of it', () => {
    const { watch, wait } = at();
    watch.lost('history', { partition: 'a file', from: 1, to: 5, times: true, reason: 'cut' });
    expect(wait(0)).toMatchObject([{ source: 'history', silence: 0, lost: [{ partition: 'a file' }] }]);
    expect(wait(60).map(({ source }) => source)).toEqual(['bucket', 'group']);
  });

  it('counts refused records by reason', () => {
    const { watch, wait } = at();
    const reject = { reason: 'bad-json', source: 'a', position: 0, raw: '' } as const;
    watch.came('bucket', partOf({ received: 3, rejects: [reject, reject] }));
    expect(wait(60)[0]).toMatchObject({ received: 3, rejectedBy: new Map([['bad-json', 2]]) });
  });

  it('measures how long after its newest record a delivery was there, and forgets it after six hours', () => {
    const { watch, wait } = at();
    for (let i = 1; i <= 20; i++) watch.came('bucket', late(i));
    watch.came('bucket', partOf({ availableAt: Date.now() }));
    expect(wait(60)[0]).toMatchObject({ deliveries: 20, lag: 19 });
    expect(wait(6 * HOUR)[0]).toMatchObject({ deliveries: 0, lag: 0 });
  });

  it('takes what is older than a day for history that is read in', () => {
    const { watch, wait } = at();
    watch.came('bucket', late(25 * HOUR));
    expect(wait(60)[0]).toMatchObject({ deliveries: 0 });
  });

  it('takes no time for silence in which the service itself took nothing', () => {
    const { watch, wait } = at();
    wait(300);
    for (let minute = 0; minute < 120; minute++) {
      wait(MINUTE);
      watch.held(MINUTE);
    }
    expect(wait(MINUTE)).toMatchObject([{ silence: 360 }, { silence: 360 }]);
    for (let part = 0; part < 2; part++) watch.came('bucket', partOf());
    expect(wait(MINUTE)).toMatchObject([{ usualSilence: 0 }, { usualSilence: 0 }]);
  });

  it('goes on through lives of the service, and forgets sources that the configuration dropped', () => {
    const { watch, wait } = at();
    wait(300);
    watch.begin(['group', 'topic']);
    watch.came('bucket', partOf());
    expect(wait(60)).toMatchObject([
      { source: 'group', silence: 360 },
      { source: 'topic', silence: 60 },
    ]);
  });
});

/** A source, and how often its silences are told: each once, however long it is told. */
function told() {
  let now = 1000;
  const watch = createSourceWatch(() => now);
  watch.begin(['bucket']);
  const judge = telemetryLoss.create(telemetryLoss.config.parse({}), plainContext());
  const silences = new Set<number>();
  let cameAt = now;
  const until = (end: number, comes: boolean): void => {
    while (now < end) {
      now += 10 * MINUTE;
      for (const report of watch.take())
        judge.source?.({ ...report, newest: T0, now: T0 }, () => silences.add(cameAt));
      if (!comes && now < end) continue;
      watch.came('bucket', partOf());
      cameAt = now;
    }
  };
  return {
    flow: (hours: number) => until(now + hours * HOUR, true),
    /** Nothing comes for so long, and then something does. */
    pause: (hours: number) => until(now + hours * HOUR, false),
    silences: () => {
      const count = silences.size;
      silences.clear();
      return count;
    },
  };
}

describe('silences of a source', () => {
  it.each([2, 4, 24])('are told after one of 24 hours as before it: those of %i hours', (hours) => {
    const { flow, pause, silences } = told();
    flow(48);
    pause(24);
    flow(3);
    expect(silences()).toBe(1);
    pause(hours);
    expect(silences()).toBe(1);
    flow(90 * 24);
    pause(hours);
    expect(silences()).toBe(1);
  });

  it('stay told within hours when there were several long ones, and within 90 minutes two weeks later', () => {
    const { flow, pause, silences } = told();
    flow(24);
    for (let outage = 0; outage < 3; outage++) {
      pause(30);
      flow(12);
    }
    expect(silences()).toBe(3);
    pause(14);
    expect(silences()).toBe(1);
    flow(15 * 24);
    pause(2);
    expect(silences()).toBe(1);
  });

  it.each([
    ['every four hours', 4, 0, 2],
    ['once a day', 24, 0, 4],
    ['on weekdays', 62, 106, 5],
  ])(
    'of one that delivers %s are told a few times, and then no more',
    (_often, pauseHours, flowHours, times) => {
      const { flow, pause, silences } = told();
      for (let hours = 0; hours < 90 * 24; hours += pauseHours + flowHours) {
        pause(pauseHours);
        flow(flowHours);
      }
      expect(silences()).toBe(times);
      for (let hours = 0; hours < 90 * 24; hours += pauseHours + flowHours) {
        pause(pauseHours);
        flow(flowHours);
      }
      expect(silences()).toBe(0);
    },
  );
});
