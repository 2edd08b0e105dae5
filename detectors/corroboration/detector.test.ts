import { describe, expect, it } from 'vitest';
import type { Finding, Phase, Severity, Sign } from '../../src/contracts.ts';
import { expectWhole, itIsADetector } from '../../test/contracts/detector.ts';
import { T0 } from '../../test/findings.ts';
import { detectors } from '../index.ts';
import { corroboration } from './detector.ts';

const HOUR = 3600;
const HOST = '10.0.1.5';

function sign(detector: string, at: number, severity: Severity = 'medium', subject = HOST): Sign {
  const phase = detectors.find(({ id }) => id === detector)?.phase as Phase;
  const sample = {
    ...{ 'interface-id': 'eni-1', srcaddr: subject, dstaddr: '203.0.113.9', srcport: 1, dstport: 2 },
    ...{ protocol: 6, packets: 1, bytes: 1, start: at, end: at, action: 'ACCEPT' as const },
  };
  const finding: Finding = {
    ...{ severity, title: `${detector} of ${subject}`, subject, counterpart: 'x', score: 0.5, count: 1 },
    ...{ firstSeen: at, lastSeen: at + 60, samples: [sample], query: 'SELECT 1', exception: { subject } },
    explanation: { observed: 1, baseline: 0, threshold: 1, formula: 'x' },
  };
  return { detector, phase, finding };
}

/** What is made of these signs, each shown when it was last seen. */
function judge(signs: readonly Sign[], config: Record<string, unknown> = {}): Finding[] {
  const detector = corroboration.create(corroboration.config.parse(config), undefined as never);
  const found: Finding[] = [];
  for (const one of signs)
    detector.signs?.([one], one.finding.lastSeen, (finding) => {
      expectWhole(finding);
      found.push(finding);
    });
  return found;
}

itIsADetector(corroboration, {
  firing: [{ start: T0 }, { start: T0 + 60 }, { start: T0 + 120 }],
  signs: [
    [sign('beacon', T0), sign('beacon', T0, 'high', 'fd00::5')],
    [sign('upload-asymmetry', T0 + 60)],
    [sign('port-scan', T0 + 120, 'high', 'fd00::5')],
  ],
  tiny: { maxHosts: 1 },
});

describe('corroboration', () => {
  it.each([
    ['beacon', 'unexpected-egress'],
    ['bad-ip', 'volume-spike'],
    ['port-scan', 'brute-force'],
    ['brute-force', 'beacon'],
    ['irc', 'outbound-dos'],
    ['segmentation', 'spam'],
  ])('raises %s and %s about one host above the worse of them, in any order', (one, other) => {
    for (const pair of [[one, other] as const, [other, one] as const]) {
      const found = judge([sign(pair[0], T0), sign(pair[1], T0 + HOUR)]);
      expect(found).toMatchObject([{ severity: 'high', subject: HOST, counterpart: 'signs', firstSeen: T0 }]);
      expect(found[0]?.title).toContain('2 signs of an intrusion within 24 h');
    }
    expect(judge([sign(one, T0, 'high'), sign(other, T0 + HOUR)])).toMatchObject([{ severity: 'critical' }]);
  });

  it('is the same over IPv6', () => {
    const found = judge([
      sign('beacon', T0, 'medium', 'fd00::5'),
      sign('volume-spike', T0, 'medium', 'fd00::5'),
    ]);
    expect(found).toMatchObject([
      { severity: 'high', subject: 'fd00::5', exception: { subject: 'fd00::5' } },
    ]);
  });

  it('calls reconnaissance, then access, then exfiltration critical, and says what each was', () => {
    const found = judge([
      sign('port-scan', T0),
      sign('lateral-movement', T0 + HOUR),
      sign('slow-exfiltration', T0 + 9 * HOUR),
    ]);
    expect(found.map(({ severity }) => severity)).toEqual(['high', 'critical']);
    expect(found[1]?.title).toBe(
      '10.0.1.5 looked around, got in elsewhere and sent data out within 24 h: port-scan, lateral-movement, slow-exfiltration',
    );
    expect(found[1]?.explanation['lateral-movement']).toBe('medium: lateral-movement of 10.0.1.5');
    const backwards = judge([
      sign('slow-exfiltration', T0),
      sign('lateral-movement', T0 + HOUR),
      sign('port-scan', T0 + 2 * HOUR),
    ]);
    expect(backwards.map(({ severity }) => severity)).toEqual(['high']);
  });

  it('never makes anything of one detector, of weak signs, or of signs of the same traffic', () => {
    expect(judge([sign('beacon', T0, 'critical'), sign('beacon', T0 + HOUR, 'critical')])).toEqual([]);
    expect(judge([sign('beacon', T0, 'low'), sign('port-scan', T0, 'low'), sign('spam', T0, 'low')])).toEqual(
      [],
    );
    expect(judge([sign('beacon', T0, 'high'), sign('port-scan', T0, 'low')])).toEqual([]);
    expect(judge([sign('volume-spike', T0, 'high'), sign('unexpected-egress', T0, 'high')])).toEqual([]);
    expect(judge([sign('outbound-dos', T0, 'high'), sign('volume-spike', T0, 'high')])).toEqual([]);
    expect(judge([sign('brute-force', T0, 'high'), sign('unexpected-egress', T0, 'high')])).toEqual([]);
  });

  it('is about one host, within a day', () => {
    expect(judge([sign('beacon', T0), sign('upload-asymmetry', T0, 'medium', '10.0.1.6')])).toEqual([]);
    expect(judge([sign('beacon', T0), sign('upload-asymmetry', T0 + 25 * HOUR)])).toEqual([]);
    expect(judge([sign('beacon', T0), sign('upload-asymmetry', T0 + 25 * HOUR)], { hours: 48 })).toHaveLength(
      1,
    );
  });

  it('is told again when a detector joins or it became worse, and after six hours of more of the same', () => {
    const found = judge([
      sign('beacon', T0),
      sign('upload-asymmetry', T0 + HOUR),
      sign('beacon', T0 + 2 * HOUR),
      sign('volume-spike', T0 + 3 * HOUR),
      sign('beacon', T0 + 4 * HOUR, 'high'),
      sign('beacon', T0 + 5 * HOUR, 'high'),
      sign('beacon', T0 + 11 * HOUR),
    ]);
    expect(found.map(({ lastSeen }) => (lastSeen - 60 - T0) / HOUR)).toEqual([1, 3, 4, 11]);
    expect(found.map(({ severity }) => severity)).toEqual(['high', 'high', 'critical', 'critical']);
  });

  it('frees the places of hosts that are quiet', () => {
    const found = judge(
      [
        sign('beacon', T0),
        sign('beacon', T0 + 30 * HOUR, 'medium', '10.0.1.6'),
        sign('port-scan', T0 + 31 * HOUR, 'medium', '10.0.1.6'),
      ],
      { maxHosts: 1 },
    );
    expect(found).toMatchObject([{ subject: '10.0.1.6' }]);
  });
});
