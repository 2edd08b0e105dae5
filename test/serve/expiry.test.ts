import { describe, expect, it } from 'vitest';
import { crlTimes, splitCrls } from '../../src/outbound/crl.ts';
import { createExpiryMonitor, type Dated, warningTimes } from '../../src/serve/expiry.ts';

const DAY = 86_400;
const dated = (days: number, kind: Dated['kind'] = 'certificate', id = 'a'): Dated => ({
  kind,
  file: 'server.pem',
  id,
  subject: 'CN=x',
  notBefore: 0,
  notAfter: days * DAY,
});

/** Days left at which something was said, in steps of a day. */
function said(one: Dated): number[] {
  const days: number[] = [];
  const look = createExpiryMonitor((_, left) => days.push(left / DAY));
  for (let now = one.notBefore; now <= one.notAfter + 3 * DAY; now += DAY) look([one], now);
  return days;
}

describe('the end of a certificate', () => {
  it.each<[number, number[]]>([
    [365, [30, 14, 7, 1, 0]],
    [90, [30, 14, 7, 1, 0]],
    [30, [10, 7, 1, 0]],
    [9, [3, 1, 0]],
  ])('of %d days is spoken of once at each of the days %j', (days, expected) => {
    expect(said(dated(days))).toEqual(expected);
  });

  it('of one day is spoken of at a third of its life', () => {
    expect(warningTimes(dated(1))).toEqual([DAY / 3, 0]);
  });

  it('of a list of revoked ones is spoken of at a quarter of its life', () => {
    expect(said(dated(8, 'crl'))).toEqual([2, 1, 0]);
  });

  it('is spoken of once when several days passed at once, and anew for the next one', () => {
    const days: number[] = [];
    const look = createExpiryMonitor((_, left) => days.push(left / DAY));
    look([dated(90)], 85 * DAY);
    look([dated(90)], 85 * DAY);
    look([dated(90, 'certificate', 'b')], 85 * DAY);
    expect(days).toEqual([5, 5]);
  });

  it('is never for what has none', () => {
    expect(warningTimes({ ...dated(1), notAfter: Number.POSITIVE_INFINITY })).toEqual([]);
  });
});

/** DER of a list with these times; `version` is optional in RFC 5280. */
function crl(times: readonly [number, string][], version = true): string {
  const der = (tag: number, ...parts: Buffer[]): Buffer => {
    const body = Buffer.concat(parts);
    return Buffer.concat([Buffer.from([tag, 0x82, body.length >> 8, body.length & 255]), body]);
  };
  const body = der(
    0x30,
    ...(version ? [der(0x02, Buffer.from([1]))] : []),
    der(0x30),
    der(0x30),
    ...times.map(([tag, text]) => der(tag, Buffer.from(text))),
  );
  return `-----BEGIN X509 CRL-----\n${der(0x30, body).toString('base64')}\n-----END X509 CRL-----\n`;
}

describe('a list of revoked certificates', () => {
  it.each([true, false])('tells its times (version: %s)', (version) => {
    expect(
      crlTimes(
        crl(
          [
            [0x17, '261124000000Z'],
            [0x18, '20500101120000Z'],
          ],
          version,
        ),
      ),
    ).toEqual({
      notBefore: Date.UTC(2026, 10, 24) / 1000,
      notAfter: Date.UTC(2050, 0, 1, 12) / 1000,
    });
  });

  it('may have no end', () => {
    expect(crlTimes(crl([[0x17, '991124000000Z']]))).toEqual({
      notBefore: Date.UTC(1999, 10, 24) / 1000,
      notAfter: Number.POSITIVE_INFINITY,
    });
  });

  it.each([
    '',
    'text',
    crl([]),
    crl([[0x17, 'never']]),
    crl([[0x17, '261124000000Z']]).replace(/.{8}\n-----END/, '\n-----END'),
  ])('that is none is refused: %j', (pem) => {
    expect(() => crlTimes(pem)).toThrow();
  });

  it('is parted from others in the same file', () => {
    const one = crl([[0x17, '261124000000Z']]);
    expect(splitCrls(`comment\n${one}\n${one}`)).toHaveLength(2);
  });
});
