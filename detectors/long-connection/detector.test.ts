import { describe, expect, it } from 'vitest';
import { Dictionary } from '../../src/columns/dictionary.ts';
import type { DetectorContext, Finding } from '../../src/contracts.ts';
import { itIsADetector } from '../../test/contracts/detector.ts';
import { plainContext, type SessionLiteral, type StepLiteral, stepOf, twins } from '../../test/rows.ts';
import { windowOf } from '../../test/windows.ts';
import { longConnection } from './detector.ts';

const T0 = 1_760_054_400;
const HOUR = 3600;
const DAY = 86_400;
const AFTER = T0 + 8 * DAY;
const tunnel: SessionLiteral = {
  src: '10.0.1.10',
  dst: '203.0.113.9',
  bytesOut: 200_000,
  bytesIn: 300_000,
  state: ['accepted', 'established'],
};

/** A session as a step an hour after its beginning shows it, up to `hours`. */
function lasting(like: SessionLiteral, from: number, hours: number): StepLiteral[] {
  return Array.from({ length: hours }, (_, i) => {
    const start = from + (i + 1) * HOUR;
    return { start, active: [{ ...like, start: from, end: start + 59 }] };
  });
}

/** A detector that has watched 10.0.1.10 for eight days. */
function at(settings: Record<string, unknown> = {}, context: Partial<DetectorContext> = {}) {
  const names = new Dictionary();
  const detector = longConnection.create(
    longConnection.config.parse(settings),
    plainContext({ names, ...context }),
  );
  const show = (...steps: StepLiteral[]): Finding[] => {
    const found: Finding[] = [];
    for (const step of steps) detector.step?.(stepOf(step, names), (finding) => found.push(finding));
    return found;
  };
  const meet = (start: number, ...subjects: string[]): void =>
    detector.window?.(
      windowOf({ start, size: HOUR, key: 'subject', rows: subjects.map((subject) => ({ subject })) }),
      () => {},
    );
  show({ start: T0 });
  meet(T0, '10.0.1.10');
  return { show, meet };
}

itIsADetector(longConnection, {
  config: { learnDays: 0, lowHours: 1 },
  firing: [
    {
      start: T0 + HOUR - 60,
      active: ['10.0.1.10', '10.0.1.11', 'fd00::10'].map((src) => ({ ...tunnel, src, dst: '192.0.2.1' })),
    },
    ...lasting(tunnel, T0 + HOUR, 3),
    ...lasting({ ...tunnel, src: '10.0.1.11', dst: '198.51.100.1' }, T0 + 5 * HOUR, 3),
  ],
  tiny: { learnDays: 0, lowHours: 1, maxConnections: 1, maxDestinations: 1, maxSubjects: 1 },
});

describe('long-connection', () => {
  it('knows a host that begins with IPv6 by its other address', () => {
    const v6 = { ...tunnel, src: 'fd00::10', dst: '2001:db8::9' };
    expect(at().show(...lasting(v6, AFTER, 14))).toEqual([]);
    const { show } = at({}, { twinOf: twins('10.0.1.10', 'fd00::10') });
    expect(show(...lasting(v6, AFTER, 14))).toMatchObject([
      { severity: 'low', subject: 'fd00::10' },
      { severity: 'medium' },
      { severity: 'high' },
    ]);
  });

  it('tells a connection with a new destination at four, eight and twelve hours', () => {
    const found = at().show(...lasting(tunnel, AFTER, 14));
    expect(found.map(({ severity, lastSeen }) => [severity, Math.floor((lastSeen - AFTER) / HOUR)])).toEqual([
      ['low', 4],
      ['medium', 8],
      ['high', 12],
    ]);
    expect(found[0]).toMatchObject({
      subject: '10.0.1.10',
      peer: '203.0.113.9',
      port: 443,
      counterpart: '203.0.113.9 443/tcp',
      exception: { subject: '10.0.1.10', peer: '203.0.113.9', port: 443 },
    });
    expect(found[0]?.explanation.observed).toBe('4 h: 200 kB sent, 300 kB received');
    expect(found[2]?.score).toBeCloseTo(0.8, 1);
  });

  it('tells one that goes on again every six hours', () => {
    expect(at().show(...lasting(tunnel, AFTER, 26))).toHaveLength(5);
  });

  it('finds the same over IPv6', () => {
    const { show, meet } = at();
    meet(T0, 'fd00::10');
    const found = show(...lasting({ ...tunnel, src: 'fd00::10', dst: '2001:db8::9' }, AFTER, 9));
    expect(found.map(({ severity }) => severity)).toEqual(['low', 'medium']);
  });

  it('knows the network of a destination with which somebody kept a connection for an hour', () => {
    const { show, meet } = at();
    meet(T0, '10.0.1.11');
    expect(show(...lasting({ ...tunnel, src: '10.0.1.11', dst: '203.0.113.200' }, T0 + DAY, 2))).toEqual([]);
    expect(show(...lasting(tunnel, AFTER, 14))).toEqual([]);
  });

  it('forgets a destination', () => {
    const { show, meet } = at({ forgetDays: 2 });
    show(...lasting(tunnel, T0 + DAY, 2));
    for (let day = 1; day < 9; day++) {
      meet(T0 + day * DAY, '10.0.1.10');
      show({ start: T0 + day * DAY });
    }
    expect(show(...lasting(tunnel, AFTER + DAY, 5))).toHaveLength(1);
  });

  it('says nothing in the first week, of the network as of a subject', () => {
    expect(at().show(...lasting(tunnel, T0 + 6 * DAY, 14))).toEqual([]);
    const { show, meet } = at();
    meet(T0 + 5 * DAY, '10.0.1.12');
    expect(show(...lasting({ ...tunnel, src: '10.0.1.12' }, AFTER, 14))).toEqual([]);
  });

  it('is quiet about connections inside, inwards, to AWS services, and in which nobody answers', () => {
    const { show } = at();
    expect(show(...lasting({ ...tunnel, dst: '10.0.2.5' }, AFTER, 14))).toEqual([]);
    expect(show(...lasting({ ...tunnel, src: '203.0.113.9', dst: '10.0.1.10' }, AFTER, 14))).toEqual([]);
    expect(show(...lasting({ ...tunnel, dstScope: 'awsService', dstService: 'S3' }, AFTER, 14))).toEqual([]);
    expect(show(...lasting({ ...tunnel, bytesIn: 0 }, AFTER, 14))).toEqual([]);
  });
});
