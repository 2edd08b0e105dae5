import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parseAddress } from '../../src/columns/address.ts';
import { parseConfig } from '../../src/config.ts';
import { READY_FEEDS } from '../../src/reference/feeds/catalogue.ts';
import { loadIndicators } from '../../src/reference/feeds/indicators.ts';

const folder = mkdtempSync(join(tmpdir(), 'flowsentry-ready-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Small lists written as each publisher documents its format, with one address that they list and one that they do not. */
const SAMPLES: Readonly<Record<string, { text: string; size: number; yes: string; category: string }>> = {
  feodo: {
    text: [
      '################################################################',
      '# abuse.ch Feodo Tracker Botnet C2 IP Blocklist (CSV)          #',
      '# Last updated: 2026-01-05 09:30:00 UTC                        #',
      '# Terms Of Use: https://feodotracker.abuse.ch/blocklist/       #',
      '################################################################',
      '#',
      '"first_seen_utc","dst_ip","dst_port","c2_status","last_online","malware"',
      '"2025-12-01 10:00:00","51.178.161.32","4643","online","2026-01-05","QakBot"',
      '"2025-11-01 10:00:00","162.243.103.246","8080","offline","2026-01-02","Emotet"',
      '# END (2) entries',
    ].join('\r\n'),
    ...{ size: 2, yes: '51.178.161.32', category: 'QakBot' },
  },
  urlhaus: {
    text: 'http://45.95.147.236:8080/arm7\nhttps://files.example.org/a.exe\nhttp://185.215.113.66/1\n',
    ...{ size: 2, yes: '45.95.147.236', category: 'malware-download' },
  },
  'spamhaus-drop': {
    text: [
      '{"cidr":"1.10.16.0/20","sblid":"SBL256894","rir":"apnic"}',
      '{"cidr":"1.19.0.0/16","sblid":"SBL434604","rir":"apnic"}',
      '{"type":"metadata","timestamp":1767571200,"size":123,"records":2,"copyright":"(c) 2026 The Spamhaus Project SLU","terms":"https://www.spamhaus.org/drop/terms/"}',
    ].join('\n'),
    ...{ size: 2, yes: '1.10.31.255', category: 'hijacked-network' },
  },
  'spamhaus-drop-v6': {
    text: '{"cidr":"2a06:f680::/29","sblid":"SBL303641","rir":"ripencc"}\n{"type":"metadata","timestamp":1767571200,"size":1,"records":1}\n',
    ...{ size: 1, yes: '2a06:f680::1', category: 'hijacked-network' },
  },
  'tor-exits': {
    text: '185.220.101.1\n185.220.101.2\n2a0b:f4c2::1\n',
    ...{ size: 3, yes: '2a0b:f4c2::1', category: 'tor-exit' },
  },
  cins: {
    text: '1.12.60.2\n1.13.79.144\n',
    ...{ size: 2, yes: '1.13.79.144', category: 'scanner' },
  },
  'firehol-level1': {
    text: '#\n# firehol_level1\n#\n# ipv4 hash:net ipset\n#\n0.0.0.0/8\n10.0.0.0/8\n127.0.0.0/8\n192.168.0.0/16\n224.0.0.0/3\n1.10.16.0/20\n5.188.10.0/23\n',
    ...{ size: 2, yes: '5.188.11.9', category: 'attacker' },
  },
  'et-compromised': {
    text: '1.15.52.154\n1.202.223.2\n',
    ...{ size: 2, yes: '1.202.223.2', category: 'compromised-host' },
  },
};

describe('ready feeds', () => {
  it.each(READY_FEEDS.map((feed) => [feed.id, feed] as const))(
    '%s is read by its documented format',
    async (id, feed) => {
      const sample = SAMPLES[id]!;
      const file = join(folder, id);
      writeFileSync(file, sample.text);
      const { url: _, ...settings } = parseConfig(`feeds: [{ use: ${id} }]`, 'test').feeds[0]!;
      expect(settings).toMatchObject({ name: id, confidence: feed.confidence, interval: feed.interval });
      const { indicators, problems } = await loadIndicators({
        feeds: [{ ...settings, file }],
        allow: [],
        internal: [],
      });
      expect(problems).toEqual([]);
      expect(indicators.size).toBe(sample.size);
      const match = (text: string) => indicators.match(parseAddress(text) as Uint32Array, 0);
      expect(match(sample.yes)?.category).toBe(sample.category);
      for (const address of ['10.0.0.1', '192.168.1.1', '9.9.9.9', '100.20.30.40'])
        expect(match(address)).toBeUndefined();
    },
  );

  it('of Feodo forgets an address 30 days after it was last online', async () => {
    const file = join(folder, 'feodo');
    writeFileSync(file, SAMPLES.feodo!.text);
    const { indicators } = await loadIndicators({
      feeds: [{ name: 'feodo', file }],
      allow: [],
      internal: [],
    });
    const { expires } = indicators.match(parseAddress('51.178.161.32') as Uint32Array, 0)!;
    expect(expires).toBe(Date.parse('2026-02-04T00:00:00Z') / 1000);
    const quick = await loadIndicators({
      feeds: [{ name: 'feodo', file, decay: 86_400 }],
      ...{ allow: [], internal: [] },
    });
    expect(quick.indicators.match(parseAddress('51.178.161.32') as Uint32Array, 0)?.expires).toBe(
      Date.parse('2026-01-06T00:00:00Z') / 1000,
    );
  });

  it('say for what, from where, under what terms and how often, and none is on by default', () => {
    expect(parseConfig('', 'test').feeds).toEqual([]);
    for (const { url, about, licence, lists, format, interval } of READY_FEEDS) {
      expect([url, about]).toEqual([expect.stringMatching(/^https:/), expect.stringMatching(/^https:/)]);
      for (const text of [licence, lists, format]) expect(text).toMatch(/\S/);
      expect(interval).toBeGreaterThanOrEqual(3600);
    }
  });

  it('can be named and set otherwise, but have one place', () => {
    const [feed] = parseConfig(
      'feeds: [{ use: cins, name: scanners, interval: 1d, url: "https://mirror.example/cins" }]',
      'test',
    ).feeds;
    expect(feed).toMatchObject({
      name: 'scanners',
      interval: 86_400,
      stale: 172_800,
      url: 'https://mirror.example/cins',
    });
    for (const [text, problem] of [
      ['{ use: nonsense }', 'no ready feed: there are feodo'],
      ['{ use: cins, file: a.txt }', 'needs either file or url'],
      ['{ name: a, file: a.txt, url: "https://a.example/" }', 'needs either file or url'],
      ['{ file: a.txt }', 'name: is missing'],
      ['{ name: a, file: a.txt }, { name: a, file: b.txt }', 'two have one name'],
      ['{ name: a, file: a.txt, interval: 0.5s }', 'shorter than a second'],
    ] as const)
      expect(() => parseConfig(`feeds: [${text}]`, 'test')).toThrow(problem);
  });
});
