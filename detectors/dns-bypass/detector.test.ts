import { describe, expect, it } from 'vitest';
import { itIsADetector } from '../../test/contracts/detector.ts';
import { findingsOf, minutes } from '../../test/findings.ts';
import type { SessionLiteral } from '../../test/rows.ts';
import { dnsBypass } from './detector.ts';

const ask: SessionLiteral = {
  src: '10.0.1.5',
  dst: '203.0.113.53',
  port: 53,
  protocol: 17,
  packetsOut: 1,
  bytesOut: 70,
  packetsIn: 1,
  bytesIn: 120,
};
const tcp: Partial<SessionLiteral> = { protocol: 6, packetsOut: 8, packetsIn: 8 };
/** Twenty long questions a second. */
const tunnel: SessionLiteral = {
  ...ask,
  sport: 40_001,
  packetsOut: 1200,
  bytesOut: 1200 * 208,
  packetsIn: 1200,
};

itIsADetector(dnsBypass, {
  firing: minutes([ask, { ...ask, src: '10.0.1.6' }, tunnel], [tunnel]),
  tiny: { maxSubjects: 1, maxPairs: 1 },
});

describe('dns-bypass', () => {
  it('tells a host that asks a server outside as low, once', () => {
    const found = findingsOf(dnsBypass, minutes([ask], [ask], [ask]));
    expect(found).toMatchObject([
      {
        severity: 'low',
        title: '10.0.1.5 asks 203.0.113.53 by DNS, past the resolvers of the VPC',
        subject: '10.0.1.5',
        peer: '203.0.113.53',
        port: 53,
        exception: { subject: '10.0.1.5', peer: '203.0.113.53' },
      },
    ]);
  });

  it.each<[string, Partial<SessionLiteral>]>([
    ['DNS over TLS', { ...tcp, port: 853 }],
    ['DNS over HTTPS', { ...tcp, port: 443, dst: '9.9.9.9' }],
    ['DNS over HTTPS', { port: 443, protocol: 17, src: 'fd00::5', dst: '2606:4700:4700::1111' }],
    ['DNS', { src: 'fd00::5', dst: '2001:db8::53' }],
  ])('tells %s', (counterpart, change) => {
    const found = findingsOf(dnsBypass, minutes([{ ...ask, ...change }]));
    expect(found).toMatchObject([{ severity: 'low', counterpart }]);
  });

  it('tells long questions in numbers as a tunnel, as medium', () => {
    const found = findingsOf(dnsBypass, minutes([tunnel], [tunnel]));
    expect(found.find(({ severity }) => severity === 'medium')).toMatchObject({
      title: '10.0.1.5 may have a tunnel over DNS to 203.0.113.53',
      counterpart: '203.0.113.53 tunnel',
    });
    const volume = { ...ask, protocol: 6, bytesOut: 11_000_000, packetsOut: 9000 };
    expect(findingsOf(dnsBypass, minutes([volume])).map(({ severity }) => severity)).toContain('medium');
  });

  it('does not take many ordinary questions, nor a flood, for a tunnel', () => {
    const busy = { ...tunnel, bytesOut: 1200 * 75 };
    const flood = { ...tunnel, packetsIn: 0, bytesIn: 0 };
    for (const row of [busy, flood]) {
      const found = findingsOf(dnsBypass, minutes([row], [row], [row], [row]));
      expect(found.filter(({ severity }) => severity !== 'low')).toEqual([]);
    }
  });

  it('is silent about resolvers of ours, allowed ones, what is unanswered, and other servers on 443', () => {
    const inside = { ...ask, dst: '10.0.0.2' };
    const amazon = { ...ask, dst: '169.254.169.253' };
    const unanswered = { ...ask, packetsIn: 0, bytesIn: 0 };
    const web = { ...ask, ...tcp, port: 443 };
    const refused = { ...ask, port: 853, protocol: 6 };
    expect(findingsOf(dnsBypass, minutes([inside, amazon, unanswered, web, refused]))).toEqual([]);
    expect(findingsOf(dnsBypass, minutes([ask]), { config: { resolvers: ['203.0.113.0/24'] } })).toEqual([]);
  });

  it('takes a resolver that many hosts ask for what people use here', () => {
    const hosts = Array.from({ length: 30 }, (_, i) => [{ ...ask, src: `10.0.2.${i + 1}` }]);
    expect(findingsOf(dnsBypass, minutes(...hosts))).toHaveLength(5);
  });

  it('tells a host that asks many servers in few alerts', () => {
    const rows = Array.from({ length: 60 }, (_, i) => [{ ...ask, dst: `203.0.113.${i + 1}` }]);
    expect(findingsOf(dnsBypass, minutes(...rows)).length).toBeLessThan(8);
  });
});
