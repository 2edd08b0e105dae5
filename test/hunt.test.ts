import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { replay } from '../src/app.ts';
import { parsePrefix } from '../src/columns/address.ts';
import { defaultConfig } from '../src/config.ts';
import type { PastContact } from '../src/contracts.ts';
import { type HuntOptions, hunt } from '../src/hunt.ts';
import { indicatorsOf } from '../src/reference/feeds/indicator-set.ts';
import { loadIndicators } from '../src/reference/feeds/indicators.ts';
import { flowsentry } from './cli/run.ts';

const DAY = 1_767_571_200;
let folder: string;
let data: string;

/** Two records, there and back, of one connection from `src` that begins `second` seconds into the day. */
function connection(src: string, dst: string, port: number, second: number, out = 1000, back = 500): string {
  const start = DAY + second;
  const record = (from: string, to: string, ports: string, bytes: number): string =>
    `2 123456789012 eni-a ${from} ${to} ${ports} 6 10 ${bytes} ${start} ${start + 30} ACCEPT OK\n`;
  return (
    record(src, dst, `${40_000 + (second % 20_000)} ${port}`, out) +
    record(dst, src, `${port} ${40_000 + (second % 20_000)}`, back)
  );
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'flowsentry-hunt-'));
  data = join(folder, 'data');
  const log = join(folder, 'traffic.log');
  writeFileSync(
    log,
    [
      connection('10.0.0.5', '203.0.113.9', 443, 100),
      connection('10.0.0.5', '203.0.113.9', 8443, 4000, 70, 30),
      connection('10.0.0.6', '203.0.113.10', 443, 200),
      connection('2001:db8:1::5', '2001:db8:bad::1', 443, 300),
      connection('198.51.100.77', '10.0.0.7', 22, 5000, 400, 900),
      connection('10.0.0.5', '192.0.2.1', 443, 8000),
    ].join(''),
  );
  const options = { format: undefined, restart: false, onProgress: () => {}, warn: () => {} };
  await replay({ paths: [log], data, config: defaultConfig(), ...options });
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function look(networks: readonly string[], more: Partial<HuntOptions> = {}) {
  const prefixes = networks.map((text) => parsePrefix(text)!);
  return hunt({
    ...{ data, indicators: indicatorsOf(prefixes, 'indicator'), networks: prefixes },
    ...{ from: undefined, to: undefined, maxContacts: 100, timeoutMs: 60_000 },
    ...more,
  });
}

const ends = ({ contacts }: { contacts: readonly PastContact[] }): string[] =>
  contacts.map(({ subject, peer, inbound }) => `${subject} ${inbound ? '<' : '>'} ${peer}`);

describe('hunt', () => {
  it('tells first and last contact, sessions and bytes of each subject', async () => {
    const { contacts, sessions } = await look(['203.0.113.9']);

    expect(sessions).toBe(6);
    expect(contacts).toEqual([
      {
        ...{ subject: '10.0.0.5', peer: '203.0.113.9', inbound: false, ports: [443, 8443], portCount: 2 },
        ...{ protocol: 6, first: DAY + 100, last: DAY + 4030, sessions: 2, established: 2, rejected: 0 },
        ...{ sent: 1070, received: 530 },
        listing: {
          ...{ feed: 'indicator', category: 'indicator', confidence: 100, expires: 0, seen: 0 },
          network: '203.0.113.9/32',
        },
      },
    ]);
  });

  it('sees networks of both families, and who started it', async () => {
    const found = await look(['203.0.113.0/24', '2001:db8:bad::/48', '198.51.100.77']);

    expect(ends(found)).toEqual([
      '10.0.0.5 > 203.0.113.9',
      '10.0.0.6 > 203.0.113.10',
      '2001:db8:1::5 > 2001:db8:bad::1',
      '10.0.0.7 < 198.51.100.77',
    ]);
    expect(found.contacts[3]).toMatchObject({ sent: 900, received: 400, ports: [22] });
  });

  it('finds the same with and without a look at ranges first', async () => {
    const addresses = [
      '203.0.113.9',
      '203.0.113.8/30',
      '10.0.0.0/29',
      '192.0.2.1',
      '2001:db8::/32',
      '0.0.0.0/0',
    ];
    await fc.assert(
      fc.asyncProperty(fc.subarray(addresses, { minLength: 1 }), async (networks) => {
        const [narrowed, whole] = [await look(networks), await look(networks, { networks: undefined })];
        expect(narrowed).toEqual(whole);
      }),
      { numRuns: 6 },
    );
  });

  it('keeps to the time and the number that were asked for', async () => {
    expect(ends(await look(['203.0.113.9'], { to: DAY + 1000 }))).toHaveLength(1);
    const later = await look(['203.0.113.9'], { from: DAY + 1000, to: DAY + 5000 });
    expect(later.contacts).toMatchObject([{ sessions: 1, first: DAY + 4000 }]);
    expect(ends(await look(['203.0.113.9'], { from: DAY + 6000 }))).toEqual([]);
    expect(await look(['0.0.0.0/0'], { maxContacts: 1 })).toMatchObject({ truncated: true });
  });

  it('goes by what the feed says: longest network, expiry, and what is allowed', async () => {
    const file = join(folder, 'feed.csv');
    const until = new Date((DAY + 2000) * 1000).toISOString();
    writeFileSync(
      file,
      `indicator,category,confidence,valid_until\n203.0.113.9,c2,90,${until}\n203.0.113.0/24,scanner,60,\n192.0.2.1,c2,90,\n`,
    );
    const { indicators, problems } = await loadIndicators({
      ...{ feeds: [{ name: 'mine', file }], allow: ['192.0.2.1'], internal: [] },
    });
    expect(problems).toEqual([]);

    const { contacts } = await look([], { indicators, networks: undefined });

    expect(contacts.map(({ peer, sessions, listing }) => [peer, sessions, listing.category])).toEqual([
      ['203.0.113.9', 1, 'c2'],
      ['203.0.113.10', 1, 'scanner'],
    ]);
  });

  it('says that nothing was ever stored', async () => {
    await expect(look(['10.0.0.5'], { data: join(folder, 'nothing') })).rejects.toThrow(
      /nothing was ever stored/,
    );
  });
});

describe('flowsentry hunt', () => {
  const run = (...args: string[]) => flowsentry(['hunt', '--data', data, ...args]);

  it('prints contacts, and subjects for programs', async () => {
    const { code, stdout } = await run('--indicator', '203.0.113.9', '--fail-on-contact');
    expect(code).toBe(3);
    expect(stdout).toMatch(/10\.0\.0\.5 → 203\.0\.113\.9 +443 8443 +2026-01-05 00:01 +2026-01-05 01:07 +2 /);

    const json = JSON.parse((await run('--indicator', '203.0.113.0/24', '--json')).stdout) as {
      subjects: unknown[];
    };
    expect(json.subjects).toMatchObject([
      {
        subject: '10.0.0.5',
        peers: 1,
        sessions: 2,
        bytesSent: 1070,
        firstContact: '2026-01-05T00:01:40.000Z',
      },
      { subject: '10.0.0.6' },
    ]);
  });

  it('takes a file as feed, or one of the configuration as it was kept', async () => {
    const file = join(folder, 'list.txt');
    writeFileSync(file, '# bad\n198.51.100.77\n');
    expect((await run('--feed', file)).stdout).toContain('10.0.0.7 ← 198.51.100.77');
    const yaml = join(folder, 'flowsentry.yaml');
    writeFileSync(
      yaml,
      'feeds:\n  - { name: mine, file: list.txt }\n  - { name: far, url: "https://127.0.0.1:1/x" }\n',
    );
    expect((await run('--feed', 'mine', '--config', yaml)).stdout).toContain('10.0.0.7');
    const far = await run('--feed', 'far', '--config', yaml);
    expect(far).toMatchObject({ code: 1, stdout: '' });
    expect(far.stderr).toContain('no list of it was kept yet');
  });

  it.each([
    [[], /give either/],
    [['--indicator', "'); DROP TABLE x; --"], /no address or network/],
    [['--indicator', 'example.org'], /no address or network/],
    [['--feed', 'nonsense'], /no such file/],
    [['--indicator', '10.0.0.1', '--feed', 'x'], /give either/],
  ])('ends with 2 for %j', async (args, message) => {
    const { code, stderr } = await run(...args);
    expect({ code }).toEqual({ code: 2 });
    expect(stderr).toMatch(message);
  });
});
