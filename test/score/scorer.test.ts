import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { Dictionary } from '../../src/columns/dictionary.ts';
import type { Step } from '../../src/columns/session-batch.ts';
import type { Detector, Emit, Exception, Finding, Severity, SourceReport } from '../../src/contracts.ts';
import type { EndsOf } from '../../src/score/alert-book.ts';
import { createMute } from '../../src/score/exceptions.ts';
import { fingerprint } from '../../src/score/fingerprint.ts';
import { Scorer } from '../../src/score/scorer.ts';
import { stepOf } from '../rows.ts';

const T = 1_767_571_200;

function finding(extra: Partial<Finding> = {}): Finding {
  return {
    severity: 'medium',
    title: 'something happened',
    subject: '10.0.0.1',
    counterpart: 'x',
    firstSeen: T,
    lastSeen: T + 10,
    count: 1,
    score: 0.5,
    explanation: { observed: 1, baseline: 0, threshold: 1, formula: 'x' },
    samples: [],
    query: 'SELECT 1',
    exception: { subject: '10.0.0.1' },
    ...extra,
  };
}

function step(minute: number): Step {
  const start = T + minute * 60;
  return stepOf({ start });
}

/** A scorer with one detector that does as the script says, call by call. */
function scorerOf(
  script: ((emit: Emit) => void)[],
  exceptions: readonly Exception[] = [],
  shadow = false,
  endsOf?: EndsOf,
): Scorer {
  let call = 0;
  const instance: Detector = {
    overflow: 0,
    step: (_step, emit) => script[call++]?.(emit),
    snapshot: () => new Uint8Array(),
    restore: () => {},
  };
  const judge = { detector: 'test', attack: ['T1046'], quietPeriod: 600, shadow, windows: [], instance };
  return new Scorer([judge], createMute(exceptions), new Dictionary(), { endsOf });
}

function emitAll(findings: readonly Finding[]): (emit: Emit) => void {
  return (emit) => {
    for (const one of findings) emit(one);
  };
}

const alertsOf = (scorer: Scorer) => scorer.book.entries().map((entry) => entry.alert);

describe('scorer', () => {
  it('opens one alert for what it sees again, and counts on', () => {
    const scorer = scorerOf([
      (emit) => emit(finding()),
      (emit) => emit(finding({ firstSeen: T + 60, lastSeen: T + 70, count: 3 })),
    ]);

    scorer.step(step(0));
    scorer.step(step(1));

    expect(alertsOf(scorer)).toMatchObject([
      {
        id: fingerprint('test', '10.0.0.1', 'x'),
        state: 'firing',
        count: 4,
        firstSeen: '2026-01-05T00:00:00.000Z',
        lastSeen: '2026-01-05T00:01:10.000Z',
        attack: ['T1046'],
      },
    ]);
  });

  it('keeps the worst severity and its evidence', () => {
    const scorer = scorerOf([
      (emit) => emit(finding({ severity: 'high', title: 'worst' })),
      (emit) => emit(finding({ severity: 'low', title: 'mild' })),
    ]);

    scorer.step(step(0));
    scorer.step(step(1));

    expect(alertsOf(scorer)).toMatchObject([{ severity: 'high', title: 'worst', count: 2 }]);
  });

  it('says where its ends were when that was known last', () => {
    const zones = [{ zone: 'web' }, { zone: 'app', peerZone: 'db' }, {}];
    const say = (severity: Severity) => (emit: Emit) => emit(finding({ severity }));
    const scorer = scorerOf([say('high'), say('low'), say('low')], [], false, () => zones.shift() ?? {});

    scorer.step(step(0));
    expect(alertsOf(scorer)).toMatchObject([{ zone: 'web' }]);
    expect(alertsOf(scorer)[0]).not.toHaveProperty('peerZone');
    scorer.step(step(1));
    scorer.step(step(2));
    expect(alertsOf(scorer)).toMatchObject([{ severity: 'high', zone: 'app', peerZone: 'db', count: 3 }]);
  });

  it('resolves after the quiet period in event time, and fires again when it is seen again', () => {
    const scorer = scorerOf([
      (emit) => emit(finding()),
      ...Array.from({ length: 9 }, () => () => {}),
      () => {},
      (emit) => emit(finding({ lastSeen: T + 700 })),
    ]);

    for (let minute = 0; minute < 10; minute++) scorer.step(step(minute));
    expect(alertsOf(scorer)).toMatchObject([{ state: 'firing' }]);
    expect(scorer.book.firing).toBe(1);
    scorer.step(step(10));
    expect(alertsOf(scorer)).toMatchObject([{ state: 'resolved' }]);
    expect(scorer.book.firing).toBe(0);
    scorer.step(step(11));
    expect(alertsOf(scorer)).toMatchObject([{ state: 'firing' }]);
    expect(scorer.counts.get('test')?.opened).toEqual(new Map([['medium', 2]]));

    const next = scorerOf([]);
    next.book.restore(scorer.book.entries());
    expect(next.book.firing).toBe(1);
  });

  it('books findings of one call in an order of their own', () => {
    const pair = [finding({ title: 'b', severity: 'low' }), finding({ title: 'a', severity: 'low' })];
    const books = [pair, pair.toReversed()].map((findings) => {
      const scorer = scorerOf([emitAll(findings)]);
      scorer.step(step(0));
      return JSON.stringify(alertsOf(scorer));
    });

    expect(books[0]).toBe(books[1]);
  });

  it('goes on with the others when a detector throws, and leaves it out after five times', () => {
    const scorer = scorerOf(
      Array.from({ length: 8 }, () => () => {
        throw new Error('boom');
      }),
    );

    for (let minute = 0; minute < 8; minute++) scorer.step(step(minute));

    expect(scorer.failures()).toEqual({ test: 'boom' });
    expect(scorer.counts.get('test')?.failures).toBe(5);
  });

  it('keeps what a detector in the shadow finds, marked', () => {
    const scorer = scorerOf([(emit) => emit(finding())], [], true);

    scorer.step(step(0));

    expect(scorer.book.entries()).toMatchObject([{ shadow: true, opened: [{ at: T + 60, shadow: true }] }]);
    expect(scorer.counts.get('test')).toMatchObject({ shadowed: 1, opened: new Map() });
    expect(scorer.book.firing).toBe(0);
  });

  it('keeps telling what somebody was told of when its detector goes into the shadow, until it resolves', () => {
    const told = scorerOf([(emit) => emit(finding())]);
    told.step(step(0));
    const scorer = scorerOf(
      [
        (emit) => emit(finding({ lastSeen: T + 70 })),
        ...Array.from({ length: 13 }, () => () => {}),
        (emit) => emit(finding({ lastSeen: T + 900 })),
      ],
      [],
      true,
    );
    scorer.book.restore(told.book.entries());

    scorer.step(step(1));
    expect(scorer.book.entries()).toMatchObject([{ shadow: false, opened: [{ at: T + 60 }] }]);
    for (let minute = 2; minute <= 15; minute++) scorer.step(step(minute));
    expect(scorer.book.entries()).toMatchObject([
      { shadow: true, opened: [{ at: T + 60 }, { at: T + 960, shadow: true }] },
    ]);
  });

  it('gives out what changed once', () => {
    const scorer = scorerOf([(emit) => emit(finding())]);

    scorer.step(step(0));

    expect(scorer.book.takeChanged()).toHaveLength(1);
    expect(scorer.book.takeChanged()).toHaveLength(0);
  });

  it('offers an exception that, pasted into the configuration, mutes just this', () => {
    const seen = finding({
      peer: '34.1.1.1',
      port: 443,
      exception: { subject: '10.0.0.1', peer: '34.1.1.1', port: 443 },
    });
    const first = scorerOf([(emit) => emit(seen)]);
    first.step(step(0));
    const offered = parse(alertsOf(first)[0]!.exception) as { exceptions: Exception[] };

    const other = {
      ...seen,
      peer: '34.1.1.2',
      counterpart: 'y',
      exception: { ...seen.exception, peer: '34.1.1.2' },
    };
    const second = scorerOf([emitAll([seen, other])], offered.exceptions);
    second.step(step(0));

    expect(alertsOf(second).map((alert) => alert.peer)).toEqual(['34.1.1.2']);
    expect(second.counts.get('test')).toMatchObject({ findings: 2, muted: 1 });
  });
});

describe('what a detector is worth', () => {
  it('is nothing without what it needs, little while it learns, and says so', () => {
    const instance: Detector = { overflow: 0, snapshot: () => new Uint8Array(), restore: () => {} };
    const origin = { attack: [], quietPeriod: 600, shadow: false, windows: [], instance };
    const failing: Detector = {
      ...instance,
      step() {
        throw new Error('no');
      },
    };
    const scorer = new Scorer(
      [
        { ...origin, detector: 'a' },
        { ...origin, detector: 'b', shadow: true },
        { ...origin, detector: 'c', learns: 600 },
        { ...origin, detector: 'd', lacks: () => 'no feeds' },
        { ...origin, detector: 'e', instance: failing },
      ],
      createMute([]),
      new Dictionary(),
    );
    for (let minute = 0; minute < 5; minute++) scorer.step(step(minute));

    expect(scorer.standings(T, T + 300)).toEqual([
      { detector: 'a', state: 'on' },
      { detector: 'b', state: 'shadow' },
      { detector: 'c', state: 'learning', until: T + 600 },
      { detector: 'd', state: 'off', why: 'no feeds' },
      { detector: 'e', state: 'failed', why: 'no' },
    ]);
    expect(scorer.standings(T, T + 600)[2]).toEqual({ detector: 'c', state: 'on' });
    expect(scorer.standings(0, 0)[2]).toEqual({ detector: 'c', state: 'learning' });
  });
});

describe('a detector that judges what others find', () => {
  /** Finds one thing in each step; `watch` notes what it is shown, and finds it too. */
  function watched(extra: object, exceptions: readonly Exception[] = []) {
    const shown: string[] = [];
    const quiet = { overflow: 0, snapshot: () => new Uint8Array(), restore: () => {} };
    const origin = { attack: [], quietPeriod: 600, shadow: false, windows: [] };
    const first: Detector = {
      ...quiet,
      step: (_step, emit) => {
        emit(finding({ counterpart: 'b' }));
        emit(finding({ counterpart: 'a' }));
      },
    };
    const watch: Detector = {
      ...quiet,
      signs(signs, now, emit) {
        shown.push(
          ...signs.map((sign) => `${sign.detector} ${sign.phase} ${sign.finding.counterpart} ${now - T}`),
        );
        emit(finding({ counterpart: 'signs', severity: 'high' }));
      },
    };
    const judges = [
      { ...origin, detector: 'watch', instance: watch },
      { ...origin, detector: 'test', phase: 'access' as const, instance: first, ...extra },
    ];
    const scorer = new Scorer(judges, createMute(exceptions), new Dictionary());
    scorer.step(step(0));
    return { shown, scorer };
  }

  it('is shown it in an order of its own, once, and its own alerts are booked', () => {
    const { shown, scorer } = watched({});
    expect(shown).toEqual(['test access a 60', 'test access b 60']);
    expect(
      alertsOf(scorer)
        .map(({ detector, severity }) => `${detector} ${severity}`)
        .sort(),
    ).toEqual(['test medium', 'test medium', 'watch high']);
  });

  it('is not shown what is muted, in the shadow, or a sign of nothing', () => {
    expect(watched({}, [{ detector: 'test' }]).shown).toEqual([]);
    expect(watched({ shadow: true }).shown).toEqual([]);
    expect(watched({ phase: undefined }).shown).toEqual([]);
  });
});

describe('what a service reports of its sources', () => {
  const report = (now: number): SourceReport => ({
    source: 'bucket',
    newest: T,
    now,
    at: 0,
    silence: 0,
    usualSilence: 0,
    deliveries: 0,
    lag: 0,
    received: 0,
    rejectedBy: new Map(),
    lost: [],
  });

  it('becomes an alert that opens, grows and resolves by event time as any other', () => {
    const instance: Detector = {
      overflow: 0,
      source: ({ source, newest, now }, emit) =>
        emit(finding({ subject: source, counterpart: 'silent', firstSeen: newest, lastSeen: now })),
      snapshot: () => new Uint8Array(),
      restore: () => {},
    };
    const origin = { detector: 'test', attack: [], quietPeriod: 600, shadow: false, windows: [] };
    const scorer = new Scorer([{ ...origin, instance }], createMute([]), new Dictionary());

    scorer.source(report(T));
    scorer.source(report(T + 300));
    expect(alertsOf(scorer)).toMatchObject([
      { id: fingerprint('test', 'bucket', 'silent'), state: 'firing', count: 2 },
    ]);
    // Event time stands while nothing comes: only data that flows again makes it well.
    scorer.step(step(13));
    expect(alertsOf(scorer)).toMatchObject([{ state: 'firing' }]);
    scorer.step(step(14));
    expect(alertsOf(scorer)).toMatchObject([{ state: 'resolved' }]);
  });
});

describe('exceptions', () => {
  const mutes = (exception: Omit<Exception, 'detector'>, extra: Partial<Finding> = {}, now = T): boolean =>
    createMute([{ detector: 'test', ...exception }])('test', finding(extra), now) === 0;

  it.each([
    ['nothing but the detector', {}, {}, true],
    ['the subject', { subject: '10.0.0.1' }, {}, true],
    ['a network of the subject', { subject: '10.0.0.0/8' }, {}, true],
    ['another subject', { subject: '10.0.0.2' }, {}, false],
    [
      'a network that the finding names as peer',
      { peer: '34.0.0.0/8' },
      { exception: { peer: '34.1.1.0/24' } },
      true,
    ],
    [
      'a smaller network than the finding names',
      { peer: '34.1.1.0/25' },
      { exception: { peer: '34.1.1.0/24' } },
      false,
    ],
    ['a peer where the finding has none', { peer: '34.1.1.1' }, {}, false],
    ['the port', { port: 443 }, { port: 443 }, true],
    ['another port', { port: 443 }, { port: 80 }, false],
    ['the rule', { rule: 'r' }, { exception: { rule: 'r' } }, true],
    ['another rule', { rule: 'r' }, { exception: { rule: 's' } }, false],
    ['the name of an interface', { subject: 'eni-1' }, { subject: 'eni-1' }, true],
    ['another name', { subject: 'eni-1' }, { subject: 'eni-10' }, false],
    ['a name where the finding has an address', { subject: 'eni-1' }, {}, false],
    ['an IPv6 network', { subject: '2600::/16' }, { subject: '2600::1' }, true],
  ])('match by %s', (_why, exception, extra, expected) => {
    expect(mutes(exception, extra)).toBe(expected);
  });

  it('hold until they expire, in event time', () => {
    const exception = { expires: '2026-01-05T01:00:00Z' };

    expect(mutes(exception, {}, T + 3599)).toBe(true);
    expect(mutes(exception, {}, T + 3600)).toBe(false);
  });

  it('are of one detector only', () => {
    expect(createMute([{ detector: 'other' }])('test', finding(), T)).toBe(-1);
  });
});

it('severity orders are the ones alerts use', () => {
  const order: Severity[] = ['info', 'low', 'medium', 'high', 'critical'];
  const scorer = scorerOf(order.map((severity) => (emit) => emit(finding({ severity, title: severity }))));

  for (let minute = 0; minute < order.length; minute++) {
    scorer.step(step(minute));
    expect(alertsOf(scorer)[0]!.severity).toBe(order[minute]);
  }
});
