import { copyFileSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { replay } from '../src/app.ts';
import { parseConfig } from '../src/config.ts';
import type { Alert } from '../src/contracts.ts';
import { readManifest } from '../src/store/manifest/manifest.ts';
import { flowsentry, logLine, temporaryFolder } from './cli/run.ts';
import { freePort, startRun } from './cli/service.ts';
import { useHttps } from './reference/https.ts';
import { MMDB_FILES } from './reference/mmdb-files.ts';

const folder = temporaryFolder();
const { ca, serve } = useHttps();
const SOURCE = '- {type: file, name: collected, paths: [logs], interval: 0.05}';
const RANGES = JSON.stringify({
  prefixes: [
    { ip_prefix: '203.0.113.0/24', region: 'eu-central-1', service: 'S3' },
    { ip_prefix: '203.0.113.0/24', region: 'eu-central-1', service: 'AMAZON' },
  ],
});
const S3 = { service: 'S3', region: 'eu-central-1' };

/** A contact of ours with an address that a feed lists, in the given minute, and time that goes on until it is judged. */
function contact(address: string, minute: number): string {
  const later = logLine('10.9.9.9', '10.9.9.8', 443, 'ACCEPT', minute * 60 + 900);
  return `${[logLine('10.0.1.5', address, 443, 'ACCEPT', minute * 60), ...Array(40).fill(later)].join('\n')}\n`;
}

const contactOf = (alerts: readonly Alert[], peer: string): Alert | undefined =>
  alerts.find((alert) => alert.detector === 'bad-ip' && alert.peer === peer);

describe('an alert says whose network the other end is in', () => {
  it('in a replay, from files, where it is not ours; routes match on it', async () => {
    const root = join(folder, 'replayed');
    mkdirSync(root);
    writeFileSync(join(root, 'a.log'), contact('203.0.113.9', 0));
    writeFileSync(join(root, 'bad.txt'), '203.0.113.9\n');
    writeFileSync(join(root, 'ranges.json'), RANGES);
    const config = join(root, 'flowsentry.yaml');
    writeFileSync(
      config,
      `feeds: [{ name: own, file: bad.txt }]
enrichment:
  - { type: aws-ranges, file: ranges.json }
  - { type: mmdb, file: ${MMDB_FILES.asn.file} }
  - { type: mmdb, file: ${MMDB_FILES.country.file} }
sinks: [{ type: stdout, name: out }, { type: stdout, name: dutch }]
route:
  sinks: [out]
  routes: [{ match: ['peerNetwork.country="NL"', 'peerNetwork.asn="64500"'], sinks: [dutch] }]
`,
    );
    const data = join(root, 'data');
    const replayed = await flowsentry(['replay', join(root, 'a.log'), '--config', config, '--data', data]);
    expect(replayed.code).toBe(0);
    const found = contactOf((await readManifest(data))?.alerts ?? [], '203.0.113.9');
    const peerNetwork = { asn: 64_500, organization: 'Example Ltd', country: 'NL', ...S3 };
    expect(found).toMatchObject({ peerNetwork });
    expect(found).not.toHaveProperty('network');
    const shown = await flowsentry(['alerts', 'show', found?.id ?? '', '--data', data]);
    expect(shown.stdout).toMatch(/the other end is in +S3 eu-central-1, AS64500 Example Ltd, NL/);
    const file = join(root, 'alert.json');
    writeFileSync(file, JSON.stringify(found));
    const routed = await flowsentry(['route', 'test', file, '--config', config]);
    expect(routed.stdout).toContain('dutch');
    expect(routed.stdout).not.toMatch(/^out\b/m);
    const list = await flowsentry(['feeds', 'list', '--config', config, '--data', data]);
    expect(list.stdout).toMatch(/^aws-ranges +1 +20/m);
    expect(list.stdout).toMatch(/^asn\.mmdb +\d/m);
    const tried = await flowsentry(['feeds', 'test', 'aws-ranges', '--config', config]);
    expect(tried).toMatchObject({ code: 0, stdout: 'aws-ranges: 1 networks: aws-ranges\n' });
  });

  it('the same in any size of batches', async () => {
    const root = join(folder, 'batches');
    mkdirSync(root);
    writeFileSync(join(root, 'a.log'), contact('203.0.113.9', 0));
    writeFileSync(join(root, 'bad.txt'), '203.0.113.9\n');
    const text = `feeds: [{ name: own, file: bad.txt }]\nenrichment: [{ type: mmdb, file: ${MMDB_FILES.asn.file} }]\n`;
    const config = parseConfig(text, join(root, 'flowsentry.yaml'));
    const run = async (batchRows: number) => {
      const own = { ...config, ingest: { ...config.ingest, batchRows } };
      const { book } = await replay({
        ...{ paths: [join(root, 'a.log')], data: join(root, `data-${batchRows}`), config: own },
        ...{ format: undefined, restart: false, onProgress() {}, warn() {} },
      });
      return book;
    };
    const book = await run(16_384);
    expect(contactOf(book, '203.0.113.9')?.peerNetwork?.asn).toBe(64_500);
    expect(await run(64)).toEqual(book);
  });

  it('as it was known when it was seen, also after a kill while the sources are away', async () => {
    const root = join(folder, 'service');
    mkdirSync(root);
    let status = 200;
    const url = await serve((_, response) => response.writeHead(status).end(status === 200 ? RANGES : ''));
    const asn = join(root, 'asn.mmdb');
    copyFileSync(MMDB_FILES.asn.file, asn);
    writeFileSync(join(root, 'bad.txt'), '203.0.113.8\n203.0.113.9\n203.0.113.10\n');
    const port = await freePort();
    const settings = `feeds: [{ name: own, file: bad.txt }]
serve: { port: ${port} }
enrichment:
  - { type: aws-ranges, url: "${url}/ip-ranges.json", ca: ${ca}, interval: 1s }
  - { type: mmdb, file: asn.mmdb, interval: 1s }
`;
    const tells = async (service: ReturnType<typeof startRun>, peer: string): Promise<Alert> => {
      for (;;) {
        const alerts = (await readManifest(service.data).catch(() => undefined))?.alerts ?? [];
        const found = contactOf(alerts, peer);
        if (found !== undefined) return found;
        if (service.child.exitCode !== null) throw new Error(service.stderr());
        await sleep(50);
      }
    };
    const first = startRun(root, SOURCE, settings);
    await first.saying('running');
    writeFileSync(join(first.logs, 'a.log'), contact('203.0.113.8', 0));
    expect(await tells(first, '203.0.113.8')).toMatchObject({
      peerNetwork: { ...S3, asn: 64_500, organization: 'Example Ltd' },
    });
    copyFileSync(MMDB_FILES.country.file, `${asn}.new`);
    renameSync(`${asn}.new`, asn);
    await first.saying('a new list of a feed is in use');
    writeFileSync(join(first.logs, 'b.log'), contact('203.0.113.9', 60));
    const changed = { peerNetwork: { ...S3, country: 'NL' } };
    expect((await tells(first, '203.0.113.9')).peerNetwork).toEqual(changed.peerNetwork);
    const page = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    expect(page).toContain('flowsentry_feed_networks{feed="aws-ranges"} 1');
    expect(page).toMatch(/flowsentry_feed_age_seconds\{feed="asn\.mmdb"\} \d/);
    first.child.kill('SIGKILL');
    await first.ended;

    status = 503;
    copyFileSync(MMDB_FILES.lite.file, asn);
    writeFileSync(join(first.logs, 'c.log'), contact('203.0.113.10', 120));
    const second = startRun(root, SOURCE, settings);
    await second.saying('running');
    expect((await tells(second, '203.0.113.10')).peerNetwork).toMatchObject(S3);
    expect((await tells(second, '203.0.113.9')).peerNetwork).toEqual(changed.peerNetwork);
    expect(await second.stop()).toBe(0);
  });
});
