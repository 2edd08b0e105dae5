import { describe, expect, it } from 'vitest';
import type { Finding, SourceReport } from '../../src/contracts.ts';
import { expectWhole } from '../../test/contracts/detector.ts';
import { plainContext } from '../../test/rows.ts';
import { telemetryLoss } from './detector.ts';

const T0 = 1_760_313_600;
const MINUTE = 60;
const HOUR = 3600;

function at(settings: Record<string, unknown> = {}) {
  const detector = telemetryLoss.create(telemetryLoss.config.parse(settings), plainContext());
  const report = (more: Partial<SourceReport> = {}): Finding[] => {
    const found: Finding[] = [];
    detector.source?.(
      {
        source: 'bucket',
        newest: T0,
        now: T0 + MINUTE,
        at: 0,
        silence: 0,
        usualSilence: 0,
        deliveries: 0,
        lag: 0,
        received: 0,
        rejectedBy: new Map(),
        lost: [],
        ...more,
      },
      (finding) => found.push(finding),
    );
    for (const finding of found) {
      expect(finding.query).toMatch(/FROM (flows|rejects)/);
      if (!finding.query.includes('FROM rejects')) expectWhole(finding, true);
    }
    return found;
  };
  return { detector, report };
}

describe('a source', () => {
  it('is well as long as it delivers', () => {
    const { report } = at();
    for (let minute = 0; minute < 600; minute++)
      expect(report({ at: minute * MINUTE, silence: 30, received: 5000, deliveries: 60, lag: 600 })).toEqual(
        [],
      );
  });

  it('from which nothing comes is told after 90 minutes and each hour, with event times', () => {
    const { report } = at();
    const found = Array.from({ length: 240 }, (_, minute) =>
      report({ at: minute * MINUTE, silence: minute * MINUTE }),
    ).flat();
    expect(found).toHaveLength(3);
    expect(found[0]).toMatchObject({
      severity: 'high',
      subject: 'bucket',
      counterpart: 'source silent',
      firstSeen: T0,
      lastSeen: T0 + MINUTE,
      exception: { subject: 'bucket', rule: 'silent' },
    });
    expect(found[0]?.title).toBe('source bucket: nothing came for 91 min');
  });

  it('that delivers every few hours is given three times its usual pause', () => {
    const { report } = at();
    const paused = { usualSilence: 4 * HOUR };
    expect(report({ at: 0, silence: 11 * HOUR, ...paused })).toEqual([]);
    expect(report({ at: HOUR, silence: 13 * HOUR, ...paused })).toHaveLength(1);
  });

  it('whose records come late is told by the 95th percentile, of enough deliveries', () => {
    const { report } = at();
    expect(report({ deliveries: 19, lag: HOUR })).toEqual([]);
    expect(report({ deliveries: 20, lag: 29 * MINUTE })).toEqual([]);
    expect(report({ deliveries: 20, lag: 40 * MINUTE })).toMatchObject([
      {
        severity: 'medium',
        counterpart: 'source lag',
        title: 'source bucket: records come 40 min after their end',
      },
    ]);
    expect(report({ at: 30 * MINUTE, deliveries: 20, lag: 40 * MINUTE })).toEqual([]);
    expect(report({ at: HOUR, deliveries: 20, lag: 40 * MINUTE })).toHaveLength(1);
  });

  it('of which data is lost is told at once, from where to where', () => {
    const { report } = at();
    const lost = [{ partition: 'topic/3', from: 120, to: 340, reason: 'retention passed it' }];
    expect(report({ lost })).toMatchObject([
      {
        severity: 'high',
        counterpart: 'source lost',
        title: 'source bucket: data of topic/3 is lost: retention passed it',
        explanation: { observed: '220 lost, from 120 to 340', from: 120, to: 340, partition: 'topic/3' },
      },
    ]);
    const kept = {
      partition: '1 file of the history',
      from: T0,
      to: T0 + HOUR,
      times: true,
      reason: 'cut',
    } as const;
    expect(report({ source: 'history', lost: [kept] })[0]).toMatchObject({
      title: 'source history: data of 1 file of the history is lost: cut',
      explanation: { observed: 'records lost, from 2025-10-13 00:00:00 to 2025-10-13 01:00:00' },
    });
    expect(report({ lost: [{ partition: 'a', from: 7, reason: 'gone' }] })[0]?.explanation.observed).toBe(
      'lost from 7 on',
    );
  });

  it('whose records cannot be used is told by the quarter of an hour, with the reason', () => {
    const { report } = at();
    const refused = (count: number) =>
      new Map([['too-few-fields', count] as const, ['bad-json', 1] as const]);
    expect(report({ at: 0, received: 100, rejectedBy: refused(60) })).toEqual([]);
    expect(report({ at: 15 * MINUTE, received: 100, rejectedBy: refused(60) })).toMatchObject([
      {
        severity: 'high',
        counterpart: 'source rejected',
        title: 'source bucket: 61 % of the records cannot be used, most as too-few-fields',
        explanation: {
          observed: '122 of 200 records in 15 min',
          reason: 'too-few-fields',
          forThisReason: 120,
        },
      },
    ]);
    expect(report({ at: 30 * MINUTE, received: 1000, rejectedBy: refused(60) })).toEqual([]);
  });

  it('changes nothing in the saved state, which a replay has too', () => {
    const { detector, report } = at();
    const before = detector.snapshot();
    report({ silence: 5 * HOUR });
    expect(Buffer.compare(detector.snapshot(), before)).toBe(0);
  });
});
