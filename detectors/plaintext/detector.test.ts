import { describe, expect, it } from 'vitest';
import { ENCRYPTION } from '../../src/columns/session-batch.ts';
import { itIsADetector } from '../../test/contracts/detector.ts';
import { findingsOf, minutes } from '../../test/findings.ts';
import type { SessionLiteral } from '../../test/rows.ts';
import { plaintext } from './detector.ts';

const telnet: SessionLiteral = { src: '10.0.1.5', dst: '203.0.113.9', port: 23 };

itIsADetector(plaintext, {
  firing: minutes([telnet, { ...telnet, port: 389 }], [{ ...telnet, src: 'fd00::5', dst: '2001:db8::9' }]),
  tiny: { maxCases: 1 },
});

describe('plaintext', () => {
  it('tells a protocol in the clear to the outside as low, one alert a host and service', () => {
    const found = findingsOf(
      plaintext,
      minutes([telnet, { ...telnet, sport: 40_001 }], [{ ...telnet, sport: 40_002 }]),
    );
    expect(found).toMatchObject([
      {
        severity: 'low',
        subject: '10.0.1.5',
        peer: '203.0.113.9',
        port: 23,
        counterpart: 'telnet out',
        title: '10.0.1.5 speaks telnet in the clear with 203.0.113.9 outside',
        exception: { subject: '10.0.1.5', port: 23 },
      },
    ]);
  });

  it('tells a server of ours that is reached from outside, with how many reached it', () => {
    const visits = Array.from({ length: 5 }, (_, i) => ({
      src: `203.0.113.${i}`,
      dst: '10.0.1.9',
      port: 21,
    }));
    expect(findingsOf(plaintext, minutes(visits))).toMatchObject([
      { subject: '10.0.1.9', title: '10.0.1.9 is reached by ftp in the clear from 5 addresses outside' },
    ]);
  });

  it('is the same over IPv6', () => {
    expect(
      findingsOf(plaintext, minutes([{ src: 'fd00::5', dst: '2001:db8::9', port: 5900 }])),
    ).toMatchObject([{ severity: 'low', subject: 'fd00::5', peer: '2001:db8::9', counterpart: 'vnc out' }]);
  });

  it('tells it again when the other ends have doubled', () => {
    const more = Array.from({ length: 3 }, (_, i) => ({ ...telnet, dst: `203.0.113.${20 + i}` }));
    const found = findingsOf(plaintext, minutes([telnet], more));
    expect(found.map(({ peer }) => peer)).toEqual(['203.0.113.9', undefined]);
  });

  it('tells sessions inside only when asked, as info, and services of the owner’s list', () => {
    const inside = { ...telnet, dst: '10.0.9.9' };
    expect(findingsOf(plaintext, minutes([inside]))).toEqual([]);
    expect(findingsOf(plaintext, minutes([inside]), { config: { inside: true } })).toMatchObject([
      { severity: 'info', counterpart: 'telnet inside' },
    ]);
    const own = { config: { services: { 'our-protocol': [7070] } } };
    expect(findingsOf(plaintext, minutes([telnet, { ...telnet, port: 7070 }]), own)).toMatchObject([
      { port: 7070, counterpart: 'our-protocol out' },
    ]);
  });

  it('says when AWS confirms that nothing encrypts it, also inside', () => {
    const clear = { ...telnet, encryption: ENCRYPTION.none };
    expect(findingsOf(plaintext, minutes([clear]))).toMatchObject([
      {
        severity: 'low',
        title: '10.0.1.5 speaks telnet in the clear with 203.0.113.9 outside, which AWS confirms',
        explanation: { encryption: 'none: encryption-status 0' },
      },
    ]);
    const mixed = { ...telnet, encryption: ENCRYPTION.none | ENCRYPTION.both };
    expect(findingsOf(plaintext, minutes([mixed]))[0]?.title).toMatch(/AWS confirms$/);
    const inside = minutes([{ ...clear, dst: '10.0.9.9' }]);
    expect(findingsOf(plaintext, inside, { config: { inside: true } })).toMatchObject([{ severity: 'low' }]);
    expect(findingsOf(plaintext, inside)).toEqual([]);
    expect(findingsOf(plaintext, minutes([telnet]))[0]?.explanation).not.toHaveProperty('encryption');
  });

  it('is silent about what the application encrypts, and inside about what the Nitro system does', () => {
    for (const encryption of [ENCRYPTION.application, ENCRYPTION.both])
      expect(findingsOf(plaintext, minutes([{ ...telnet, encryption }]))).toEqual([]);
    for (const encryption of [ENCRYPTION.nitro, ENCRYPTION.application, ENCRYPTION.both]) {
      const inside = minutes([{ ...telnet, dst: '10.0.9.9', encryption }]);
      expect(findingsOf(plaintext, inside, { config: { inside: true } })).toEqual([]);
    }
  });

  it('is info where the Nitro system encrypts on AWS’s network and nobody behind it, and low again when one session is not', () => {
    const nitro = { ...telnet, encryption: ENCRYPTION.nitro };
    const found = findingsOf(
      plaintext,
      minutes([nitro], [{ ...telnet, sport: 40_001, encryption: ENCRYPTION.none }]),
    );
    expect(found).toMatchObject([
      {
        severity: 'info',
        explanation: { encryption: 'on the network of AWS only: encryption-status 1' },
      },
      { severity: 'low', counterpart: 'telnet out' },
    ]);
  });

  it('is silent about encrypted ports, what is refused or not answered, and strangers', () => {
    const rows: SessionLiteral[] = [
      { ...telnet, port: 443 },
      { ...telnet, port: 992 },
      { ...telnet, state: ['rejected', 'rejectedNow', 'first'] },
      { ...telnet, packetsIn: 0, bytesIn: 0 },
      { ...telnet, packetsOut: 1, packetsIn: 1 },
      { ...telnet, src: '203.0.113.1' },
      { ...telnet, protocol: 1 },
    ];
    expect(findingsOf(plaintext, minutes(rows))).toEqual([]);
  });
});
