import { describe, expect, it } from 'vitest';
import { SCENARIOS } from '../../src/simulate/simulate.ts';
import { recordsOf, simulated, truthOf } from './support.ts';

const SMALL = { hosts: 5, rate: 0.02, noise: 0.05 } as const;

describe('scenarios', () => {
  it('have names of their own, and techniques unless they are quiet', () => {
    expect(new Set(SCENARIOS.map(({ name }) => name)).size).toBe(SCENARIOS.length);
    for (const { name, attack, quiet } of SCENARIOS) expect(attack.length > 0, name).toBe(!quiet);
  });

  it.each(SCENARIOS.map(({ name, quiet }) => ({ name, quiet })))(
    '$name has truth exactly when it is no quiet one',
    async ({ name, quiet }) => {
      // The storms are cut short by the number of records.
      const run = await simulated({ ...SMALL, hours: 2.5, records: 30_000, scenarios: [`${name}@10m`] });
      const base = await simulated({ ...SMALL, hours: 2.5, records: 30_000 });

      // One is there every night, the other's point is what is missing.
      if (name !== 'nightly-backup' && name !== 'flow-log-stopped')
        expect(run.records).toBeGreaterThan(base.records);
      expect(run.truthRows > 0).toBe(!quiet);
      for (const row of truthOf(run.truth)) {
        expect(Number(row.count)).toBeGreaterThan(0);
        expect(Number(row.start)).toBeLessThan(Number(row.end));
        expect(name.startsWith(row.attack_type!)).toBe(true);
      }
    },
    60_000,
  );

  it('change nothing in the base traffic', async () => {
    const base = await simulated({ hours: 1 });
    const run = await simulated({ hours: 1, scenarios: ['port-scan@20m', 'autoscale@10m', 'beacon-60-20'] });

    const lines = new Set(run.text.split('\n'));
    // An interface that an attack wakes up has no NODATA any more.
    const lost = base.text.split('\n').filter((line) => !lines.has(line) && !line.endsWith('NODATA'));
    expect(lost).toEqual([]);
    expect(run.records).toBeGreaterThan(base.records);
  });

  it('are told as the records show them', async () => {
    const { text, truth } = await simulated({ ...SMALL, hours: 1, scenarios: ['port-scan@30m'] });

    const [row] = truthOf(truth);
    const tried = recordsOf(text).filter(({ srcaddr, dstaddr, dstport, bytes }) => {
      const scan = srcaddr === row!.src && dstaddr === row!.dst;
      return scan && Number(bytes) < 100 && Number(dstport) !== 5432;
    });
    const ports = new Set(tried.map(({ dstport }) => dstport));
    expect(ports.size).toBeGreaterThan(950);
    expect(Number(row!.count)).toBeGreaterThanOrEqual(ports.size);
    const times = tried.map(({ start }) => Number(start));
    expect(Math.min(...times)).toBeGreaterThanOrEqual(Number(row!.start));
  });

  it('keep to their period and jitter', async () => {
    const { text } = await simulated({ ...SMALL, hours: 8, scenarios: ['beacon-300-0@10m'] });

    const calls = recordsOf(text).filter(
      ({ srcaddr, dstaddr }) => dstaddr === '203.0.113.60' && srcaddr!.startsWith('10.0.8.'),
    );
    const starts = calls.map(({ start }) => Number(start));
    const gaps = starts.slice(1).map((start, i) => start - starts[i]!);
    expect(gaps.length).toBeGreaterThan(80);
    for (const gap of gaps) expect(Math.abs(gap - 300)).toBeLessThan(5);
  });

  it('speak IPv6 in their IPv6 variants', async () => {
    const { truth } = await simulated({ ...SMALL, hours: 1, scenarios: ['threat-ip-ipv6@20m'] });

    const [row] = truthOf(truth);
    expect(row).toMatchObject({ dst: '2001:db8:23::17', dport: '443', proto: '6', count: '3' });
    expect(row!.src).toMatch(/^2600:1f18:/);
  });
});
