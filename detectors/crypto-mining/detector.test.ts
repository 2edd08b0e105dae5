import { describe, expect, it } from 'vitest';
import { Dictionary } from '../../src/columns/dictionary.ts';
import type { DetectorContext, Finding } from '../../src/contracts.ts';
import { expectWhole, itIsADetector } from '../../test/contracts/detector.ts';
import { listingContext, type SessionLiteral, stepOf } from '../../test/rows.ts';
import { cryptoMining } from './detector.ts';

const T0 = 1_760_000_400;
const pool = { feed: 'pools', category: 'crypto-mining', confidence: 90, expires: 0 };

function listing(names: Dictionary): DetectorContext {
  return listingContext(names, {
    '203.0.113.9': pool,
    '2001:db8:1::1': pool,
    '198.51.100.7': { ...pool, confidence: 10 },
    '198.51.100.8': { ...pool, category: 'botnet' },
  });
}

function judge(active: readonly SessionLiteral[], config: object = {}): Finding[] {
  const names = new Dictionary();
  const found: Finding[] = [];
  const detector = cryptoMining.create(cryptoMining.config.parse(config), listing(names));
  detector.step?.(stepOf({ start: T0, active }, names), (finding) => found.push(finding));
  for (const finding of found) expectWhole(finding);
  return found;
}

const call: SessionLiteral = { src: '10.0.1.5', dst: '203.0.113.9', port: 8080 };
/** Two hours on 3333, 2 kB a minute. */
const miner: SessionLiteral = {
  src: '10.0.1.5',
  dst: '203.0.2.3',
  port: 3333,
  state: ['accepted', 'established'],
  start: T0 - 7200,
  bytesOut: 80_000,
  bytesIn: 160_000,
};

itIsADetector(cryptoMining, {
  context: listing,
  firing: [{ start: T0, active: [call, miner, { ...miner, src: '10.0.1.6' }] }],
  tiny: { maxPairs: 1 },
});

describe('crypto-mining', () => {
  it('tells a session with a listed pool as high, a rejected one as low', () => {
    expect(judge([call])).toMatchObject([
      {
        severity: 'high',
        title: '10.0.1.5 talked to 203.0.113.9, listed as crypto-mining by pools',
        subject: '10.0.1.5',
        peer: '203.0.113.9',
        port: 8080,
        exception: { subject: '10.0.1.5', peer: '203.0.113.9' },
      },
    ]);
    const state: SessionLiteral['state'] = ['rejected', 'rejectedNow', 'first', 'synSeen'];
    expect(judge([{ ...call, state }])).toMatchObject([{ severity: 'low' }]);
  });

  it('tells a long session with little traffic on a port of pools as medium', () => {
    expect(judge([miner])).toMatchObject([
      { severity: 'medium', peer: '203.0.2.3', port: 3333, counterpart: '203.0.2.3 3333/tcp' },
    ]);
  });

  it('is the same over IPv6', () => {
    expect(judge([{ ...call, src: 'fd00::5', dst: '2001:db8:1::1' }])[0]?.severity).toBe('high');
    expect(judge([{ ...miner, src: 'fd00::5', dst: '2001:db8:9::1' }])[0]?.severity).toBe('medium');
  });

  it('never tells a port alone, nor a long session on another port', () => {
    expect(judge([{ ...miner, start: T0 - 3000 }])).toEqual([]);
    expect(judge([{ ...miner, bytesIn: 9_000_000 }])).toEqual([]);
    expect(judge([{ ...miner, port: 443 }])).toEqual([]);
    expect(judge([{ ...miner, bytesIn: 0 }])).toEqual([]);
  });

  it('does not tell what stays inside, is listed as unsure or as something else', () => {
    expect(judge([{ ...miner, dst: '10.0.9.9' }])).toEqual([]);
    expect(
      judge([
        { ...call, dst: '198.51.100.7' },
        { ...call, dst: '198.51.100.8' },
      ]),
    ).toEqual([]);
  });

  it('tells a session that goes on once', () => {
    const names = new Dictionary();
    const found: Finding[] = [];
    const detector = cryptoMining.create(cryptoMining.config.parse({}), listing(names));
    for (let i = 0; i < 60; i++)
      detector.step?.(stepOf({ start: T0 + i * 60, active: [miner] }, names), (finding) =>
        found.push(finding),
      );
    expect(found).toHaveLength(1);
  });
});
