import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatPrefix, inPrefix, parseAddress } from '../../src/columns/address.ts';
import { parseFeed } from '../../src/reference/feeds/formats.ts';
import { eachNetwork } from '../../src/reference/feeds/network.ts';
import { newsText } from '../../src/reference/feeds/news.ts';

const DEFAULTS = { category: 'listed', confidence: 75 };

interface Entry {
  readonly network: string;
  readonly category: string;
  readonly confidence: number;
  readonly expires: number;
}

function read(text: string): { entries: Entry[]; bad: number; total: number } {
  const { entries, bad, total } = parseFeed(text, DEFAULTS);
  const { keys } = entries.keys;
  return {
    bad,
    total,
    entries: Array.from({ length: entries.count }, (_, row) => ({
      network: formatPrefix({ words: keys.slice(row * 5, row * 5 + 4), length: keys[row * 5 + 4]! }),
      category: entries.categoryText(row),
      confidence: entries.confidence[row]!,
      expires: entries.expires[row]!,
    })),
  };
}

function networks(text: string): string[] {
  const { entries, bad } = read(text);
  expect(bad).toBe(0);
  return entries.map((entry) => entry.network);
}

describe('parseFeed', () => {
  it('reads a plain list with comments of every style', () => {
    const text = [
      '# list of 2024-01-01, see example.org',
      '; Spamhaus style',
      '// another',
      '',
      '203.0.113.7',
      '203.0.113.8 # a note',
      '198.51.100.0/24 ; SBL1234',
      '2001:db8::/32',
      '  203.0.113.9\t12\r',
      '198.51.100.77#4#2#Malicious Host#US',
    ].join('\n');
    expect(networks(text)).toEqual([
      '203.0.113.7/32',
      '203.0.113.8/32',
      '198.51.100.0/24',
      '2001:db8::/32',
      '203.0.113.9/32',
      '198.51.100.77/32',
    ]);
  });

  it('reads ranges, ports and defanged addresses', () => {
    expect(networks('203.0.113.4-203.0.113.7')).toEqual(['203.0.113.4/30']);
    expect(networks('203.0.113.1 - 203.0.113.4')).toEqual([
      '203.0.113.1/32',
      '203.0.113.2/31',
      '203.0.113.4/32',
    ]);
    expect(networks('2001:db8::-2001:db8::3')).toEqual(['2001:db8::/126']);
    expect(networks('203.0.113.7:8080\n[2001:db8::1]:443\n[2001:db8::2]')).toEqual([
      '203.0.113.7/32',
      '2001:db8::1/128',
      '2001:db8::2/128',
    ]);
    expect(networks('203[.]0[.]113[.]7\n203(.)0.113[dot]8:443\n2001[:]db8[:]:1')).toEqual([
      '203.0.113.7/32',
      '203.0.113.8/32',
      '2001:db8::1/128',
    ]);
  });

  it('reads the address in a URL and passes over URLs with names', () => {
    expect(
      networks(
        [
          'http://203.0.113.7/bin.sh',
          'hxxps://203[.]0[.]113[.]8:8080/x?y=1#z',
          'hxxp[://]user@203.0.113.9',
          'https://[2001:db8::1]:8443/a',
          'https://example.org/203.0.113.10',
        ].join('\n'),
      ),
    ).toEqual(['203.0.113.7/32', '203.0.113.8/32', '203.0.113.9/32', '2001:db8::1/128']);
    const urlhaus = [
      '# id,dateadded,url,url_status,last_online,threat,tags',
      '"1","2026-01-05 10:00:00","http://203.0.113.7:4444/i","online","2026-01-05 10:00:00","malware_download","elf"',
      '"2","2026-01-05 10:00:00","http://example.org/i","online","2026-01-05 10:00:00","malware_download","elf"',
    ].join('\n');
    expect(read(urlhaus)).toMatchObject({
      bad: 0,
      entries: [{ network: '203.0.113.7/32', category: 'malware_download' }],
    });
  });

  it('reads the ranges of a DShield list', () => {
    const text = '# Start End Netmask\n203.0.113.0\t203.0.113.255\t24\t4711\tNAME\tDE\tabuse@example.org';
    expect(networks(text)).toEqual(['203.0.113.0/24']);
  });

  it('reads a CSV by its header, quoted or not, in a comment or not', () => {
    const quoted = [
      '# Terms of use: https://example.org/, see there',
      '# "first_seen_utc","ioc_id","ioc_value","ioc_type","threat_type","malware_printable","last_seen_utc","confidence_level"',
      '"2024-01-01 00:00:00", "1", "203.0.113.7:443", "ip:port", "botnet_cc", "Cobalt ""X"" Strike", "", "100"',
      '"2024-01-01 00:00:00", "2", "bad.example.org", "domain", "botnet_cc", "AsyncRAT", "", "90"',
    ].join('\n');
    expect(read(quoted).entries).toEqual([
      { network: '203.0.113.7/32', category: 'Cobalt "X" Strike', confidence: 100, expires: 0 },
    ]);
    const feodo = [
      'first_seen_utc,dst_ip,dst_port,c2_status,last_online,malware',
      '2021-01-17 07:44:46,203.0.113.9,443,online,2024-03-01,Emotet',
    ].join('\n');
    expect(read(feodo)).toMatchObject({
      bad: 0,
      entries: [
        {
          network: '203.0.113.9/32',
          category: 'Emotet',
          confidence: 75,
          expires: Date.UTC(2024, 2, 31) / 1000,
        },
      ],
    });
  });

  it('reads a CSV without header by its first cell', () => {
    expect(networks('203.0.113.7,botnet,US\n"203.0.113.8","x"')).toEqual([
      '203.0.113.7/32',
      '203.0.113.8/32',
    ]);
  });

  it('reads Feodo Tracker JSON', () => {
    const text = JSON.stringify([
      {
        ip_address: '203.0.113.7',
        port: 8080,
        status: 'offline',
        hostname: null,
        as_number: 14061,
        as_name: 'EXAMPLE',
        country: 'US',
        first_seen: '2022-06-04 21:24:53',
        last_online: '2024-02-10',
        malware: 'Pikabot',
      },
    ]);
    expect(read(text).entries).toEqual([
      {
        network: '203.0.113.7/32',
        category: 'Pikabot',
        confidence: 75,
        expires: Date.UTC(2024, 2, 11) / 1000,
      },
    ]);
  });

  it('reads ThreatFox JSON of both shapes and leaves other kinds out', () => {
    const ioc = {
      ioc_value: '203.0.113.7:4443',
      ioc_type: 'ip:port',
      malware_printable: 'Sliver',
      tags: 'c2',
    };
    const domain = { ioc_value: 'bad.example.org', ioc_type: 'domain', malware_printable: 'Sliver' };
    expect(read(JSON.stringify({ 1: [{ ...ioc, confidence_level: 60 }], 2: [domain] }))).toMatchObject({
      total: 1,
      bad: 0,
      entries: [{ network: '203.0.113.7/32', category: 'Sliver', confidence: 60 }],
    });
    const api = {
      query_status: 'ok',
      data: [{ ioc: '203.0.113.8:1', ioc_type: 'ip:port', tags: ['a1', 'b2'] }],
    };
    expect(networks(JSON.stringify(api))).toEqual(['203.0.113.8/32']);
  });

  it('reads AWS-like JSON and arrays of texts', () => {
    const aws = {
      syncToken: '1',
      createDate: '2024-01-01-00-00-00',
      prefixes: [{ ip_prefix: '203.0.113.0/24', region: 'x', service: 'S3' }],
      ipv6_prefixes: [{ ipv6_prefix: '2001:db8::/32', service: 'S3' }],
    };
    expect(networks(JSON.stringify(aws))).toEqual(['203.0.113.0/24', '2001:db8::/32']);
    expect(networks('["203.0.113.7", "203.0.113.0/24"]')).toEqual(['203.0.113.7/32', '203.0.113.0/24']);
    expect(networks('{"blocked": ["203.0.113.7"]}')).toEqual(['203.0.113.7/32']);
  });

  it('reads Spamhaus JSON lines with their closing metadata', () => {
    const text = [
      '{"cidr":"203.0.113.0/24","sblid":"SBL1","rir":"apnic"}',
      '{"cidr":"2001:db8::/32","sblid":"SBL2","rir":"ripencc"}',
      '{"type":"metadata","timestamp":1700000000,"size":2,"records":2,"copyright":"c"}',
    ].join('\n');
    expect(networks(text)).toEqual(['203.0.113.0/24', '2001:db8::/32']);
  });

  it('reads STIX 2.1 indicators with confidence, type and end', () => {
    const indicator = {
      type: 'indicator',
      spec_version: '2.1',
      pattern_type: 'stix',
      indicator_types: ['malicious-activity'],
      confidence: 85,
      valid_until: '2024-06-01T00:00:00.000Z',
    };
    const bundle = {
      type: 'bundle',
      id: 'bundle--1',
      objects: [
        { ...indicator, pattern: "[ipv4-addr:value = '203.0.113.7']" },
        {
          ...indicator,
          pattern: "[ipv4-addr:value ISSUBSET '198.51.100.0/24' OR ipv6-addr:value = '2001:db8::1']",
        },
        { ...indicator, pattern: "[ipv4-addr:value IN ('203.0.113.8', '203.0.113.9')]" },
        { ...indicator, pattern: "[domain-name:value = 'bad.example.org']" },
        { ...indicator, revoked: true, pattern: "[ipv4-addr:value = '203.0.113.99']" },
        { type: 'ipv4-addr', value: '203.0.113.98' },
      ],
    };
    const { entries, bad } = read(JSON.stringify(bundle));
    expect(bad).toBe(0);
    expect(entries.map((entry) => entry.network)).toEqual([
      '203.0.113.7/32',
      '198.51.100.0/24',
      '2001:db8::1/128',
      '203.0.113.8/32',
      '203.0.113.9/32',
    ]);
    expect(entries[0]).toMatchObject({
      category: 'malicious-activity',
      confidence: 85,
      expires: Date.UTC(2024, 5, 1) / 1000,
    });
  });

  it('knows since when confidence falls, but not of what says itself until when it counts', () => {
    const rows = [
      { ip: '203.0.113.7', last_seen: '2024-01-01' },
      { ip: '203.0.113.8', last_seen: '2024-01-01', valid_until: '2024-03-01' },
      { ip: '203.0.113.9' },
    ];
    const text = JSON.stringify(rows);
    const { entries } = parseFeed(text, { category: 'c', confidence: 75, decay: 10 * 86_400 });
    const seen = Date.UTC(2024, 0, 1) / 1000;
    expect([...entries.seen.slice(0, 3)]).toEqual([seen, 0, 0]);
    expect([...entries.expires.slice(0, 3)]).toEqual([seen + 10 * 86_400, Date.UTC(2024, 2, 1) / 1000, 0]);
    // What is written down as news reads the same.
    const again = parseFeed(newsText(entries, [0, 1, 2]), {
      category: '',
      confidence: 0,
      decay: 10 * 86_400,
    });
    expect([...again.entries.seen.slice(0, 3)]).toEqual([seen, 0, 0]);
    expect(again.entries.expires.slice(0, 3)).toEqual(entries.expires.slice(0, 3));
  });

  it('keeps the surer and longer-lived of equal networks', () => {
    const rows = [
      { ip: '203.0.113.7', category: 'a', confidence: 60 },
      { ip: '203.0.113.7', category: 'b', confidence: 90, expires: '2024-01-01' },
      { ip: '203.0.113.7', category: 'c', confidence: 90, expires: '2024-02-01' },
      { ip: '203.0.113.7', category: 'd', confidence: 10 },
    ];
    const wanted = [{ network: '203.0.113.7/32', category: 'c', confidence: 90, expires: 1_706_745_600 }];
    expect(read(JSON.stringify(rows)).entries).toEqual(wanted);
    expect(read(JSON.stringify(rows.toReversed())).entries).toEqual(wanted);
  });

  it('counts what is no network', () => {
    const text = '203.0.113.7\n010.0.0.1\n1.2.3\n0x7f000001\n1.2.3.4/33\n1.2.3.4-1.2.3.3\nbad.example.org';
    expect(read(text)).toMatchObject({ total: 7, bad: 6, entries: [{ network: '203.0.113.7/32' }] });
  });

  it('makes no prototype of hostile names', () => {
    const text = '{"__proto__": {"ip": "203.0.113.7"}, "constructor": [{"ip": "203.0.113.8"}]}';
    expect(networks(text)).toEqual(['203.0.113.7/32', '203.0.113.8/32']);
    expect(({} as Record<string, unknown>).ip).toBeUndefined();
    expect(
      read('["203.0.113.7", {"ip": "203.0.113.9", "category": "x\\u001b[31m\\u202ey"}]').entries[1],
    ).toMatchObject({
      category: 'x [31m y',
    });
  });

  it('never throws', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        '203.0.113.7',
        '\n',
        ',',
        '"',
        '{',
        '}',
        '[',
        ']',
        '#',
        '-',
        '/',
        ':',
        '{"ip":"',
        'ip,x\n',
        '[.]',
      ),
      fc.string({ maxLength: 8 }),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        const { total, bad } = parseFeed(pieces.join(''), DEFAULTS);
        expect(bad).toBeLessThanOrEqual(total);
      }),
      { numRuns: 3000 },
    );
  });
});

describe('eachNetwork', () => {
  it('covers a range exactly', () => {
    const value = fc.nat(2000).map((low) => 0xcb_00_70_00 + low);
    const text = (v: number): string => `${v >>> 24}.${(v >>> 16) & 255}.${(v >>> 8) & 255}.${v & 255}`;
    fc.assert(
      fc.property(value, value, (a, b) => {
        const [from, to] = a < b ? [a, b] : [b, a];
        const found: { words: Uint32Array; length: number }[] = [];
        expect(
          eachNetwork(`${text(from)}-${text(to)}`, (words, length) =>
            found.push({ words: words.slice(), length }),
          ),
        ).toBe(true);
        const size = found.reduce((sum, { length }) => sum + 2 ** (128 - length), 0);
        expect(size).toBe(to - from + 1);
        for (const edge of [from, to]) {
          const words = parseAddress(text(edge)) as Uint32Array;
          expect(found.filter((network) => inPrefix(words, 0, network)).length).toBe(1);
        }
      }),
      { numRuns: 200 },
    );
  });
});
