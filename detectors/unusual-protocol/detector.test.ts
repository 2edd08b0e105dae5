import { describe, expect, it } from 'vitest';
import { itIsADetector } from '../../test/contracts/detector.ts';
import { findingsOf, minutes, T0 } from '../../test/findings.ts';
import type { SessionLiteral } from '../../test/rows.ts';
import { unusualProtocol } from './detector.ts';

const DAY = 86_400;
const gre: SessionLiteral = { src: '10.0.1.5', dst: '203.0.113.9', port: 0, sport: 0, protocol: 47 };
/** Two megabytes a minute each way. */
const tunnel: SessionLiteral = {
  ...gre,
  protocol: 1,
  packetsOut: 2000,
  bytesOut: 2_000_000,
  packetsIn: 2000,
  bytesIn: 2_000_000,
};

itIsADetector(unusualProtocol, {
  firing: minutes([gre, tunnel, { ...gre, src: '10.0.2.6' }], [tunnel], [tunnel]),
  tiny: { maxPairs: 1, maxRoles: 1 },
});

describe('unusual-protocol', () => {
  it('tells a protocol that is new for the role as low, once', () => {
    expect(findingsOf(unusualProtocol, minutes([gre], [gre], [gre]))).toMatchObject([
      {
        severity: 'low',
        title: '10.0.1.5 speaks gre with 203.0.113.9, which its role did not do before',
        peer: '203.0.113.9',
        protocol: 47,
        exception: { subject: '10.0.1.5', peer: '203.0.113.9', protocol: 47 },
      },
    ]);
  });

  it('tells a tunnel over ICMP as medium', () => {
    const found = findingsOf(unusualProtocol, minutes([tunnel], [tunnel], [tunnel]));
    expect(found).toMatchObject([{ severity: 'medium', counterpart: '203.0.113.9 icmp' }]);
  });

  it('is the same over IPv6', () => {
    const row = { ...tunnel, src: 'fd00::5', dst: '2001:db8::9', protocol: 58 };
    expect(findingsOf(unusualProtocol, minutes([row], [row], [row]))).toMatchObject([
      { severity: 'medium', subject: 'fd00::5', peer: '2001:db8::9' },
    ]);
  });

  it('knows what a role has used for long, also for another host of it', () => {
    const daily = Array.from({ length: 9 }, (_, day) => ({ start: T0 + day * DAY, active: [gre] }));
    const other = { start: T0 + 9 * DAY, active: [{ ...gre, src: '10.0.1.77' }] };
    const found = findingsOf(unusualProtocol, [...daily, other]);
    expect(found.filter(({ subject }) => subject === '10.0.1.77')).toEqual([]);
  });

  it('is silent about pings, floods, what stays inside, and what is rejected', () => {
    const ping = { ...tunnel, bytesOut: 2000 * 84 };
    const flood = { ...tunnel, packetsIn: 0, bytesIn: 0 };
    const inside = { ...gre, dst: '10.0.9.9' };
    const rejected: SessionLiteral = { ...gre, state: ['rejected', 'rejectedNow', 'first'] };
    for (const row of [ping, flood, inside, rejected, { ...gre, protocol: 6 }])
      expect(findingsOf(unusualProtocol, minutes(...Array.from({ length: 6 }, () => [row])))).toEqual([]);
  });
});
