import { describe, expect, it } from 'vitest';
import type { FeedReport, Finding } from '../../src/contracts.ts';
import { expectWhole } from '../../test/contracts/detector.ts';
import { plainContext } from '../../test/rows.ts';
import { telemetryLoss } from './detector.ts';

const T0 = 1_760_313_600;
const MINUTE = 60;
const DAY = 86_400;

function open() {
  const detector = telemetryLoss.create(telemetryLoss.config.parse({}), plainContext());
  return (more: Partial<FeedReport> = {}): Finding[] => {
    const found: Finding[] = [];
    detector.feed?.(
      {
        ...{ feed: 'drop', now: T0, at: T0, age: 0, limit: DAY, networks: 900 },
        ...{ refused: undefined, problem: '', ...more },
      },
      (finding) => found.push(finding),
    );
    for (const finding of found) expectWhole(finding, true);
    return found;
  };
}

describe('a feed', () => {
  it('is well as long as it is renewed', () => {
    const report = open();
    for (let minute = 0; minute < 600; minute++)
      expect(report({ at: T0 + minute * MINUTE, age: 3600 })).toEqual([]);
  });

  it('that is not renewed is told each hour, with why', () => {
    const report = open();
    const found = Array.from({ length: 121 }, (_, minute) =>
      report({ at: T0 + minute * MINUTE, age: DAY + 1 + minute * MINUTE, problem: 'status 503' }),
    ).flat();
    expect(found).toHaveLength(3);
    expect(found[0]).toMatchObject({
      severity: 'medium',
      title: 'feed drop: not renewed for 24 h',
      subject: 'drop',
      counterpart: 'feed stale',
      explanation: { observed: 'nothing for 24 h: status 503', baseline: '900 networks in the list in use' },
      exception: { subject: 'drop', rule: 'stale' },
    });
  });

  it('whose list is refused is told at once, and again when that returns', () => {
    const report = open();
    const refused = 'it lists 10.0.0.0/8, which is in 10.0.0.0/8: private or own';
    expect(report({ refused })).toMatchObject([
      { counterpart: 'feed refused', explanation: { observed: `1 list refused: ${refused}` } },
    ]);
    expect(report({ at: T0 + MINUTE, refused })).toEqual([]);
    expect(report({ at: T0 + 2 * MINUTE })).toEqual([]);
    expect(report({ at: T0 + 3 * MINUTE, refused })).toHaveLength(1);
  });
});
