import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseAddress } from '../../src/columns/address.ts';
import {
  createFacts,
  type FactData,
  type FactSource,
  factReader,
  loadFacts,
  outsideBy,
} from '../../src/reference/facts/facts.ts';
import { createFeedCache } from '../../src/reference/feeds/cache.ts';
import { DROPPED } from '../../src/reference/feeds/load.ts';
import { updateFeedsApart } from '../../src/reference/feeds/thread.ts';
import { type LiveFacts, updateFeeds } from '../../src/reference/feeds/update.ts';
import { createScopes } from '../../src/reference/scopes.ts';
import { useHttps } from './https.ts';
import { MMDB_FILES } from './mmdb-files.ts';

const { ca, serve } = useHttps();
const T = 1_767_571_200;
const DAY = 86_400;
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'flowsentry-facts-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const words = (text: string) => parseAddress(text) as Uint32Array;
const aws: FactSource = { name: 'aws', type: 'aws-ranges' };
const mmdb: FactSource = { name: 'mmdb', type: 'mmdb' };

/** AWS's document, with these ranges of IPv4 and IPv6 (`network service region`). */
function ranges(...lines: string[]): string {
  const all = lines.map((line) => {
    const [network = '', service, region] = line.split(' ');
    return { [network.includes(':') ? 'ipv6_prefix' : 'ip_prefix']: network, region, service };
  });
  return JSON.stringify({
    ...{ syncToken: '1767571200', createDate: '2026-01-05-00-00-00' },
    prefixes: all.filter((one) => 'ip_prefix' in one),
    ipv6_prefixes: all.filter((one) => 'ipv6_prefix' in one),
  });
}

const RANGES = ranges(
  '52.92.0.0/14 AMAZON eu-central-1',
  '52.92.0.0/14 EC2 eu-central-1',
  '52.92.16.0/20 S3 eu-central-1',
  '52.92.16.0/20 AMAZON eu-central-1',
  '52.92.17.0/24 EC2 eu-central-1',
  '15.197.0.0/16 AMAZON GLOBAL',
  '2600:1f00::/24 EC2 us-east-1',
);

function read(source: FactSource, bytes: Buffer | string, last = 0): FactData {
  const found = factReader(source)(Buffer.from(bytes), last);
  if (typeof found === 'string') throw new Error(found);
  return found.content;
}

const problemOf = (source: FactSource, bytes: Buffer | string, last = 0) =>
  factReader(source)(Buffer.from(bytes), last);

function factsOf(...data: FactData[]) {
  const sources = data.map((_, i) => ({ name: String(i) }));
  const facts = createFacts(sources);
  facts.use(data.map((one, i) => ({ name: String(i), data: one })));
  return (address: string) => facts.of(words(address));
}

describe("AWS's list of ranges", () => {
  it('names the service that says most about an address, and its region', () => {
    const of = factsOf(read(aws, RANGES));
    expect(of('52.92.18.1')).toEqual({ service: 'S3', region: 'eu-central-1' });
    // Inside the range of a service, though a narrower one is EC2's.
    expect(of('52.92.17.1')).toEqual({ service: 'S3', region: 'eu-central-1' });
    expect(of('52.93.0.1')).toEqual({ service: 'EC2', region: 'eu-central-1' });
    expect(of('15.197.1.1')).toEqual({ service: 'AMAZON', region: 'GLOBAL' });
    expect(of('2600:1f00:1::1')).toEqual({ service: 'EC2', region: 'us-east-1' });
    expect(of('203.0.113.9')).toBeUndefined();
  });

  it('is the same in any order of its ranges', () => {
    const document = JSON.parse(RANGES) as { prefixes: object[] };
    document.prefixes.reverse();
    expect(factsOf(read(aws, JSON.stringify(document)))('52.92.17.1')).toEqual({
      service: 'S3',
      region: 'eu-central-1',
    });
  });

  it('is refused as a whole when it is something else, or has lost most of it', () => {
    expect(problemOf(aws, '<html>')).toContain('no JSON');
    expect(problemOf(aws, 'null')).toContain('no ranges');
    expect(problemOf(aws, '{"prefixes": [{"ip_prefix": "bad", "service": "S3"}]}')).toContain('no ranges');
    const bad = ranges('52.92.0.0/14 S3 x', ...Array(9).fill('nonsense S3 x'));
    expect(problemOf(aws, bad)).toBe('9 of 10 ranges have no network or service');
    expect(problemOf(aws, RANGES, 9000)).toContain('shrank from 9000');
  });

  it('says nothing in words that are not names', () => {
    const list = ranges('52.92.0.0/14 S3 <b>');
    expect(factsOf(read(aws, list))('52.92.0.1')).toEqual({ service: 'S3' });
  });
});

describe('an MMDB file', () => {
  const data = (name: keyof typeof MMDB_FILES) => read(mmdb, readFileSync(MMDB_FILES[name].file));

  it('gives the AS number and its holder, by the most specific network, in both families', () => {
    const of = factsOf(data('asn'));
    expect(of('203.0.113.9')).toEqual({ asn: 64_500, organization: 'Example Ltd' });
    expect(of('203.0.113.200')).toEqual({ asn: 64_501, organization: 'Part of it' });
    expect(of('2001:db8::1')).toEqual({ asn: 64_502, organization: 'Six' });
    expect(of('8.8.8.8')).toBeUndefined();
    expect(of('2001:db9::1')).toBeUndefined();
  });

  it('gives the country, also as IPinfo writes it', () => {
    expect(factsOf(data('country'))('203.0.113.9')).toEqual({ country: 'NL' });
    expect(factsOf(data('country'))('2001:db8::1')).toEqual({ country: 'DE', asn: 1 });
    expect(factsOf(data('lite'))('198.51.100.1')).toEqual({
      ...{ asn: 64_510, organization: 'Lite Inc', country: 'US' },
    });
  });

  it('of IPv4 alone says nothing of an IPv6 address, whose bits it would take for others', () => {
    // c633:6400::, which begins with the bits of 198.51.100.0.
    expect(factsOf(data('lite'))('c633:6400::1')).toBeUndefined();
  });

  it('fills up what others do not say, the first of several first', () => {
    const both = factsOf(data('asn'), data('country'), read(aws, ranges('203.0.113.0/24 S3 r')));
    expect(both('203.0.113.9')).toEqual({
      ...{ asn: 64_500, organization: 'Example Ltd', country: 'NL', service: 'S3', region: 'r' },
    });
    expect(factsOf(data('asn'), data('country'))('2001:db8::1')?.asn).toBe(64_502);
    expect(factsOf(data('country'), data('asn'))('2001:db8::1')?.asn).toBe(1);
  });

  it('is refused when it is cut off, another file, or says nothing of use', () => {
    const whole = readFileSync(MMDB_FILES.asn.file);
    for (let length = 0; length < whole.length; length += 97)
      expect(problemOf(mmdb, whole.subarray(0, length))).toMatch(/no whole MMDB|cut off/);
    expect(problemOf(mmdb, '203.0.113.7\n')).toContain('no whole MMDB');
    expect(problemOf(mmdb, readFileSync(MMDB_FILES.other.file))).toContain('"GeoIP2-Connection-Type"');
  });

  it('that is damaged inside says nothing there, or another thing, and ends nothing', () => {
    const whole = readFileSync(MMDB_FILES.asn.file);
    for (let at = 0; at < whole.length; at += 3) {
      const damaged = Buffer.from(whole);
      damaged[at] = damaged[at]! ^ 0xff;
      const found = problemOf(mmdb, damaged);
      if (typeof found === 'string') continue;
      const of = factsOf(found.content);
      for (const address of ['203.0.113.9', '203.0.113.200', '2001:db8::1', '8.8.8.8'])
        expect(() => of(address)).not.toThrow();
    }
  });
});

describe('facts of a service', () => {
  const source = (name: string, file: string): LiveFacts => ({ name, file, type: 'mmdb', keep: 30 * DAY });
  const task = (enrichment: readonly LiveFacts[], versions: ReadonlyMap<string, string>, now = T) => ({
    ...{ feeds: [], allow: [], internal: [], cacheDir: join(folder, 'feeds') },
    ...{ enrichment, due: enrichment.map(({ name }) => name), versions, now },
  });

  it('follow a file that changes, also on a thread of its own, and keep what was said last', async () => {
    const file = join(folder, 'a.mmdb');
    copyFileSync(MMDB_FILES.asn.file, file);
    const sources = [source('a', file)];
    const cache = createFeedCache(join(folder, 'feeds'));
    const facts = createFacts(sources);
    const versions = new Map<string, string>();
    const ask = async (now = T) => {
      const { answers, update } = await updateFeedsApart(
        task(sources, versions, now),
        new AbortController().signal,
      );
      for (const [name, version] of update?.versions ?? []) {
        versions.set(name, version);
        await cache.settle(name, version);
      }
      facts.use(update?.facts ?? []);
      return answers.map(({ outcome }) => outcome);
    };
    const of = () => facts.of(words('203.0.113.9'));
    expect(await ask()).toEqual(['updated']);
    expect(of()).toEqual({ asn: 64_500, organization: 'Example Ltd' });
    expect(await ask()).toEqual(['unchanged']);
    copyFileSync(MMDB_FILES.country.file, file);
    expect(await ask()).toEqual(['updated']);
    expect(of()).toEqual({ country: 'NL' });
    writeFileSync(file, readFileSync(MMDB_FILES.asn.file).subarray(0, 99));
    expect(await ask()).toEqual(['refused']);
    expect(of()).toEqual({ country: 'NL' });
    rmSync(file);
    expect(await ask()).toEqual(['failed']);
    const options = { cacheDir: join(folder, 'feeds'), offline: false, versions };
    const again = await loadFacts(sources, options);
    expect(again.problems).toEqual([]);
    expect(again.facts.of(words('203.0.113.9'))).toEqual({ country: 'NL' });
    expect(await ask(Math.floor(Date.now() / 1000) + 31 * DAY)).toEqual(['dropped']);
    expect(of()).toBeUndefined();
    expect(versions.get('a')).toBe(DROPPED);
    expect((await loadFacts(sources, options)).facts.of(words('203.0.113.9'))).toBeUndefined();
  });

  it("come from AWS's list by HTTPS, which is asked with the ETag of the one in use", async () => {
    let body = ranges('203.0.113.0/24 S3 eu-central-1');
    const asked: (string | undefined)[] = [];
    const url = await serve(({ headers }, response) => {
      asked.push(headers['if-none-match']);
      const etag = `"${body.length}"`;
      if (headers['if-none-match'] === etag) response.writeHead(304).end();
      else response.writeHead(200, { etag }).end(body);
    });
    const sources: LiveFacts[] = [{ name: 'aws-ranges', type: 'aws-ranges', url, ca, keep: DAY }];
    const cache = createFeedCache(join(folder, 'feeds'));
    const options = { cacheDir: join(folder, 'feeds'), offline: false };
    const first = await loadFacts(sources, options);
    expect(first.facts.of(words('203.0.113.9'))).toEqual({ service: 'S3', region: 'eu-central-1' });
    expect((await updateFeeds(task(sources, first.versions))).answers).toEqual([
      { feed: 'aws-ranges', outcome: 'unchanged' },
    ]);
    expect(asked).toEqual([undefined, expect.stringMatching(/^"\d+"$/)]);
    body = '<html>Sign in</html>';
    expect(await updateFeeds(task(sources, first.versions))).toMatchObject({
      answers: [{ outcome: 'refused', problem: expect.stringContaining('no JSON') }],
    });
    // Who only reads the folder gets what is kept; who begins with the page, too, and is told.
    expect(
      (await loadFacts(sources, { ...options, offline: true })).facts.of(words('203.0.113.9')),
    ).toBeDefined();
    const told = await loadFacts(sources, options);
    expect(told.problems).toEqual([expect.stringContaining('enrichment aws-ranges: refused: it is no JSON')]);
    expect(told.facts.of(words('203.0.113.9'))).toBeDefined();
    expect((await cache.read('aws-ranges'))?.count).toBe(1);
  });

  it('stand on an alert for ends that are not ours', () => {
    const facts = createFacts([{ name: 'a' }]);
    facts.use([{ name: 'a', data: read(aws, ranges('203.0.113.0/24 S3 r', '10.0.0.0/8 EC2 r')) }]);
    const networksOf = outsideBy(facts, createScopes({ internal: ['203.0.113.64/26'] }));
    const network = { service: 'S3', region: 'r' };
    expect(networksOf({ subject: '10.0.0.1', peer: '203.0.113.9' })).toEqual({ peerNetwork: network });
    expect(networksOf({ subject: '203.0.113.9', peer: '203.0.113.65' })).toEqual({ network });
    expect(networksOf({ subject: 'eni-1' })).toEqual({});
    expect(networksOf({ subject: '10.0.0.1', peer: '198.51.100.1' })).toEqual({});
  });
});
