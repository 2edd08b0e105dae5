import { describe, expect, it } from 'vitest';
import { itIsADetector } from '../../test/contracts/detector.ts';
import { findingsOf, minutes, T0 } from '../../test/findings.ts';
import type { SessionLiteral } from '../../test/rows.ts';
import { uploadAsymmetry } from './detector.ts';

const DAY = 86_400;
const MB = 1_000_000;
const upload = (bytesOut: number, src = '10.0.1.5', dst = '203.0.113.9'): SessionLiteral => ({
  ...{ src, dst, bytesOut, bytesIn: Math.round(bytesOut / 1000), packetsOut: 5000, packetsIn: 900 },
});
/** Ten minutes of an upload, learning that is over. */
const later = (row: SessionLiteral) =>
  Array.from({ length: 10 }, (_, i) => ({ start: T0 + 4 * DAY + i * 60, active: [row] }));

itIsADetector(uploadAsymmetry, {
  firing: minutes([upload(300 * MB), upload(300 * MB, '10.0.2.5'), upload(1 * MB, '10.0.3.5')]),
  tiny: { maxHosts: 1, maxRoles: 1, maxNetworks: 1 },
});

describe('upload-asymmetry', () => {
  it('tells a hundred megabytes an hour, by a role that never uploaded', () => {
    const found = findingsOf(uploadAsymmetry, [{ start: T0 }, ...later(upload(12 * MB))]);
    expect(found).toMatchObject([
      {
        severity: 'medium',
        subject: '10.0.1.5',
        peer: '203.0.113.9',
        title: '10.0.1.5 sent 108 MB to 203.0.113.9 within an hour and got 108 kB back',
        exception: { subject: '10.0.1.5', peer: '203.0.113.9', port: 443 },
      },
    ]);
  });

  it('is one alert of a host, however many addresses it uploads to', () => {
    const rows = Array.from({ length: 4 }, (_, i) => upload(200 * MB, '10.0.1.5', `203.0.113.${i + 1}`));
    expect(findingsOf(uploadAsymmetry, [{ start: T0 }, { start: T0 + 4 * DAY, active: rows }])).toMatchObject(
      [{ title: '10.0.1.5 sent 800 MB to 4 addresses outside within an hour and got 800 kB back' }],
    );
  });

  it('tells it again when it has doubled, as one alert', () => {
    const found = findingsOf(uploadAsymmetry, [{ start: T0 }, ...later(upload(60 * MB))]);
    expect(found.map(({ explanation }) => explanation.observed)).toEqual([
      '120 MB sent, 120 kB back in 60 min',
      '240 MB sent, 240 kB back in 60 min',
      '480 MB sent, 480 kB back in 60 min',
    ]);
    expect(new Set(found.map(({ counterpart }) => counterpart)).size).toBe(1);
  });

  it('is the same over IPv6', () => {
    const row = upload(200 * MB, 'fd00::5', '2001:db8::9');
    expect(findingsOf(uploadAsymmetry, [{ start: T0 }, ...later(row)])).toMatchObject([
      { severity: 'medium', subject: 'fd00::5', peer: '2001:db8::9' },
      { severity: 'medium' },
      { severity: 'medium' },
      { severity: 'medium' },
    ]);
  });

  it('is low while it learns, and silent once a role has uploaded for days, also for a new host of it', () => {
    const first = findingsOf(uploadAsymmetry, minutes([upload(300 * MB)]));
    expect(first).toMatchObject([{ severity: 'low' }]);

    const nights = Array.from({ length: 5 }, (_, i) => ({ start: T0 + i * DAY, active: [upload(50 * MB)] }));
    const fresh = upload(900 * MB, '10.0.1.77', '203.0.113.200');
    expect(findingsOf(uploadAsymmetry, [...nights, { start: T0 + 5 * DAY, active: [fresh] }])).toEqual([]);
  });

  it('is silent about downloads, exchanges, what clients outside fetch, what stays inside, and floods', () => {
    const rows: SessionLiteral[] = [
      { ...upload(0), bytesIn: 900 * MB },
      { ...upload(900 * MB), bytesIn: 90 * MB },
      upload(900 * MB, '203.0.113.9', '10.0.1.5'),
      { ...upload(5000, '203.0.113.9', '10.0.1.6'), bytesIn: 900 * MB },
      upload(900 * MB, '10.0.1.5', '10.0.9.9'),
      { ...upload(900 * MB), bytesIn: 0, packetsIn: 0, protocol: 17 },
    ];
    for (const row of rows) expect(findingsOf(uploadAsymmetry, [{ start: T0 }, ...later(row)])).toEqual([]);
  });

  it('is low towards a network that somebody of ours has used for a day', () => {
    const used: SessionLiteral = { src: '10.0.7.7', dst: '203.0.113.77', bytesOut: 3000 };
    const steps = (at: number) => [{ start: T0 }, { start: at, active: [used] }, ...later(upload(12 * MB))];
    expect(findingsOf(uploadAsymmetry, steps(T0 + 2 * DAY))).toMatchObject([{ severity: 'low' }]);
    expect(findingsOf(uploadAsymmetry, steps(T0 + 4 * DAY - 600))).toMatchObject([{ severity: 'medium' }]);
  });

  it('leaves out the ports that it is told to', () => {
    const row = { ...upload(900 * MB), port: 22 };
    const options = { config: { ports: [22] } };
    expect(findingsOf(uploadAsymmetry, [{ start: T0 }, ...later(row)], options)).toEqual([]);
    expect(findingsOf(uploadAsymmetry, [{ start: T0 }, ...later(row)])).not.toEqual([]);
  });
});
