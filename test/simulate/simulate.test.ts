import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/errors.ts';
import { decodeText } from '../parse/support.ts';
import { recordsOf, simulated } from './support.ts';

/** A LogFormat of these fields. */
function fields(...names: string[]): string {
  return names.map((name) => `\${${name}}`).join(' ');
}

/** Version 5, with what tells the two views of a connection apart. */
const V5 = fields(
  'interface-id',
  'srcaddr',
  'dstaddr',
  'srcport',
  'dstport',
  'protocol',
  'packets',
  'bytes',
  'start',
  'end',
  'action',
  'log-status',
  'tcp-flags',
  'type',
  'pkt-srcaddr',
  'pkt-dstaddr',
  'flow-direction',
  'traffic-path',
  'pkt-dst-aws-service',
  'version',
);

describe('simulate', () => {
  it('gives the same bytes for the same seed and others for another', async () => {
    const first = await simulated({ hours: 0.5 });
    const again = await simulated({ hours: 0.5 });
    const other = await simulated({ hours: 0.5, seed: 2 });

    expect(again.text).toBe(first.text);
    expect(other.text).not.toBe(first.text);
  });

  it.each([1, 999, 5000])('writes exactly %i records when so many are asked for', async (records) => {
    const { text, records: told, bytes } = await simulated({ records });

    expect(recordsOf(text)).toHaveLength(records);
    expect(told).toBe(records);
    expect(bytes).toBe(text.length);
  });

  it('writes the same text compressed and plain', async () => {
    const plain = await simulated({ hours: 0.2 });
    const packed = await simulated({ hours: 0.2 }, 'out.log.gz');

    expect(packed.text).toBe(plain.text);
  });

  it('leaves the header line out when told', async () => {
    const { text } = await simulated({ records: 10, header: false });

    expect(text.split('\n')[0]).toMatch(/^2 /);
  });

  it.each([
    ['the default format', undefined],
    ['a version 5 format', V5],
    [
      'a version 11 format',
      `${fields('start', 'interface-type', 'ecs-task-id')} ${V5} ${fields('reject-reason', 'asg-tag')}`,
    ],
  ])('writes records that parse, in %s', async (_, format) => {
    const { text, records } = await simulated({ hours: 0.3, format, scenarios: ['port-scan-ipv6@5m'] });

    const { rows, rejects } = await decodeText(text);

    expect(rejects).toEqual([]);
    expect(rows).toHaveLength(records);
  });

  it('writes exactly the fields that were asked for, in their order, with the version they need', async () => {
    const { text } = await simulated({
      records: 50,
      format: fields('dstaddr', 'version', 'flow-direction', 'bytes'),
    });

    const [header, ...lines] = text.trim().split('\n');
    expect(header).toBe('dstaddr version flow-direction bytes');
    for (const line of lines) expect(line).toMatch(/^\S+ 5 (ingress|egress|-) (\d+|-)$/);
  });

  it.each([60, 600])('captures in windows of at most %i seconds, of which some overlap', async (interval) => {
    const { text } = await simulated({ hours: 2, interval });
    const records = recordsOf(text);

    const lengths = records.map(({ start, end }) => Number(end) - Number(start));
    expect(Math.max(...lengths)).toBeLessThanOrEqual(interval);
    expect(Math.max(...lengths)).toBeGreaterThan(interval - 10);
    const windows = new Map<string, Set<number>>();
    for (const { 'interface-id': eni = '', start } of records)
      windows.set(eni, (windows.get(eni) ?? new Set()).add(Number(start)));
    const starts = [...windows.values()].map((set) => [...set].sort((a, b) => a - b));
    expect(starts.some((list) => list.some((start, i) => i > 0 && start - list[i - 1]! < interval - 5))).toBe(
      true,
    );
  });

  it('delivers roughly in order of time', async () => {
    const { text } = await simulated({ hours: 1 });

    let newest = 0;
    let behind = 0;
    let inversions = 0;
    for (const { end } of recordsOf(text)) {
      if (Number(end) < newest) inversions++;
      behind = Math.max(behind, newest - Number(end));
      newest = Math.max(newest, Number(end));
    }
    expect(inversions).toBeGreaterThan(0);
    expect(behind).toBeLessThan(120);
  });

  it('shows a connection inside the VPC at both interfaces, in both directions', async () => {
    const { text } = await simulated({ hours: 1, hosts: 40, format: V5, noise: 0 });
    const records = recordsOf(text).filter((record) => record['log-status'] === 'OK');
    const last = Math.max(...records.map(({ end }) => Number(end)));
    const views = new Map<string, Set<string>>();
    const whole = new Set<string>();
    const inside = (address = ''): boolean => address.startsWith('10.') || address.startsWith('2600:1f18:a:');
    for (const record of records) {
      const { 'pkt-srcaddr': src, 'pkt-dstaddr': dst, srcport, dstport, protocol } = record;
      if (!inside(src) || !inside(dst) || protocol !== '6') continue;
      const forward = `${src} ${srcport} ${dst} ${dstport}`;
      const key = Number(srcport) > Number(dstport) ? forward : `${dst} ${dstport} ${src} ${srcport}`;
      const seen = views.get(key) ?? new Set();
      views.set(key, seen.add(`${record['interface-id']} ${record['flow-direction']}`));
      // What is seen at the end of the run may have been delivered by one interface only.
      if (Number(record.end) < last - 300) whole.add(key);
    }
    expect(whole.size).toBeGreaterThan(100);
    for (const key of whole) expect(views.get(key)!.size, key).toBe(4);
  });

  it('shows both legs through a NAT gateway, the far end in the packet addresses only', async () => {
    const { text } = await simulated({ hours: 0.5, format: V5, noise: 0, ipv6Share: 0 });
    const records = recordsOf(text).filter((record) => record['log-status'] === 'OK');

    const hidden = records.filter(
      (record) => record.dstaddr!.startsWith('10.0.2.') && !record['pkt-dstaddr']!.startsWith('10.'),
    );
    expect(hidden.length).toBeGreaterThan(10);
    for (const record of hidden) {
      expect(record).toMatchObject({ 'flow-direction': 'ingress', 'traffic-path': '-' });
      const onward = records.find(
        (other) => other.srcaddr === record.dstaddr && other.dstaddr === record['pkt-dstaddr'],
      );
      expect(onward).toMatchObject({ 'flow-direction': 'egress', 'traffic-path': '8' });
    }
  });

  it('puts SYN into the first window of a long connection, nothing into the middle and FIN into the last', async () => {
    const { text } = await simulated({ hours: 3, format: V5, noise: 0 });
    const flows = new Map<string, string[]>();
    for (const record of recordsOf(text)) {
      if (record.protocol !== '6') continue;
      const key = `${record['interface-id']} ${record.srcaddr} ${record.srcport} ${record.dstaddr} ${record.dstport}`;
      flows.set(key, [...(flows.get(key) ?? []), record['tcp-flags']!]);
    }
    const shapes = new Set([...flows.values()].map((flags) => flags.join('').replace(/0+/, '0')));
    for (const shape of ['201', '1801', '3', '19']) expect(shapes).toContain(shape);
  });

  it.each([0, 0.3, 1])('honours an IPv6 share of %d', async (ipv6Share) => {
    const { text } = await simulated({ hours: 1, hosts: 40, format: V5, ipv6Share, noise: 0 });
    const visits = recordsOf(text).filter(
      (record) => record.dstport === '443' && record['flow-direction'] === 'ingress',
    );

    const outside = visits.filter(
      ({ srcaddr = '' }) => !srcaddr.startsWith('10.') && !srcaddr.startsWith('2600:1f18:'),
    );
    const share = outside.filter(({ type }) => type === 'IPv6').length / outside.length;
    expect(outside.length).toBeGreaterThan(100);
    expect(Math.abs(share - ipv6Share)).toBeLessThan(0.08);
  });

  it('is quieter by night and at weekends', async () => {
    const count = async (start: string): Promise<number> =>
      (await simulated({ hours: 1, hosts: 40, start })).records;

    const monday = await count('2026-01-05T13:00:00Z');
    expect(await count('2026-01-05T02:00:00Z')).toBeLessThan(monday * 0.8);
    expect(await count('2026-01-10T13:00:00Z')).toBeLessThan(monday * 0.8);
  });

  it('goes on for months, hosts coming and going', async () => {
    const { from, to } = await simulated({ hours: 24 * 60, hosts: 12, rate: 0.001, noise: 0, interval: 600 });

    expect((to - from) / 86400).toBeGreaterThan(59);
  });

  it('has room for the largest environment', async () => {
    const { records } = await simulated({ records: 2000, hosts: 800 });

    expect(records).toBe(2000);
  });

  it('says when an interface had no traffic', async () => {
    const { text } = await simulated({ hours: 1, hosts: 60 });

    const silent = recordsOf(text).filter((record) => record['log-status'] === 'NODATA');
    expect(silent.length).toBeGreaterThan(50);
    for (const { srcaddr, bytes, action } of silent)
      expect([srcaddr, bytes, action]).toEqual(['-', '-', '-']);
  });

  it.each([
    [{}, 'records or hours'],
    [{ hours: 1, interval: 300 }, 'interval'],
    [{ hours: 1, hosts: 2 }, '5 to 800 hosts'],
    [{ hours: 1, hosts: 801 }, '5 to 800 hosts'],
    [{ hours: 1, ipv6Share: 2 }, 'IPv6'],
    [{ hours: 1, start: 'soon' }, 'soon'],
    [{ hours: 1, network: '10.0.0.0/8' }, '/16'],
    [{ hours: 1, network: '10.999.0.0/16' }, '/16'],
    [{ hours: 1, format: fields('srcaddr', 'colour') }, 'colour'],
    [{ hours: 1, scenarios: ['nothing'] }, 'nothing'],
    [{ hours: 1, scenarios: ['port-scan@soon'] }, 'port-scan@soon'],
  ])('refuses %o', async (options, told) => {
    const running = simulated(options);
    await expect(running).rejects.toThrow(UserError);
    await expect(running).rejects.toThrow(told);
  });
});
