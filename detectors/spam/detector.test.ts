import { describe, expect, it } from 'vitest';
import { itIsADetector } from '../../test/contracts/detector.ts';
import { findingsOf, minutes, T0 } from '../../test/findings.ts';
import type { SessionLiteral } from '../../test/rows.ts';
import { spam } from './detector.ts';

const DAY = 86_400;
const mail = (host = 1, src = '10.0.1.5'): SessionLiteral => ({ src, dst: `203.0.113.${host}`, port: 25 });
const bulk = (src?: string): SessionLiteral[] => Array.from({ length: 40 }, (_, i) => mail(i + 1, src));

itIsADetector(spam, {
  firing: minutes([mail()], [...bulk(), mail(1, '10.0.1.6'), mail(1, '10.0.2.6')]),
  tiny: { maxSubjects: 1, maxRoles: 1 },
});

describe('spam', () => {
  it('tells mail in bulk as medium', () => {
    expect(findingsOf(spam, minutes(bulk()))).toMatchObject([
      {
        severity: 'medium',
        subject: '10.0.1.5',
        port: 25,
        counterpart: 'smtp',
        exception: { subject: '10.0.1.5', port: 25 },
      },
    ]);
    const submission = bulk().map((row) => ({ ...row, port: 587 }));
    expect(findingsOf(spam, minutes(submission))).toMatchObject([
      { severity: 'medium', counterpart: 'submission' },
    ]);
  });

  it('tells the first mail of a role as low while it learns, as medium when it has', () => {
    const first = findingsOf(spam, minutes([mail()], [mail()]));
    expect(first).toMatchObject([{ severity: 'low', peer: '203.0.113.1', count: 1 }]);
    expect(first[0]?.title).toBe('10.0.1.5 sends mail, which role 10.0.1.0/24 did not do before');

    const later = [{ start: T0 }, { start: T0 + 8 * DAY, active: [mail()] }];
    expect(findingsOf(spam, later)).toMatchObject([{ severity: 'medium' }]);
  });

  it('is the same over IPv6', () => {
    const row = { src: 'fd00::5', dst: '2001:db8::19', port: 25 };
    expect(findingsOf(spam, [{ start: T0 }, { start: T0 + 8 * DAY, active: [row] }])).toMatchObject([
      { severity: 'medium', subject: 'fd00::5', peer: '2001:db8::19' },
    ]);
  });

  it('takes a role that has sent mail for days for one that does', () => {
    const steps = Array.from({ length: 10 }, (_, i) => ({ start: T0 + i * DAY, active: [mail()] }));
    const [learnt] = [findingsOf(spam, [...steps, { start: T0 + 11 * DAY, active: bulk('10.0.1.9') }])];
    expect(learnt.filter(({ subject }) => subject === '10.0.1.9')).toEqual([]);
  });

  it('is silent about mail inside, submission to a provider, and what is not answered', () => {
    const rows: SessionLiteral[] = [
      { ...mail(), dst: '10.0.9.9' },
      { ...mail(), port: 587 },
      { ...mail(), state: ['accepted', 'first', 'synSeen'] },
      { ...mail(), packetsOut: 1, packetsIn: 1 },
      { ...mail(), state: ['rejected', 'rejectedNow', 'first'] },
    ];
    expect(findingsOf(spam, minutes(rows))).toEqual([]);
  });
});
