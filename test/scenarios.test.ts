import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { replay } from '../src/app.ts';
import { parseConfig } from '../src/config.ts';
import { type Alert, SEVERITIES } from '../src/contracts.ts';
import { simulateToFile } from '../src/simulate/simulate.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flowsentry-scenarios-'));
  await writeFile(join(folder, 'feed.txt'), '198.51.100.23\n2001:db8:23::17\n');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Defaults, and what a user of these addresses would have to say: which IPv6 is theirs, and one feed. */
const CONFIG = 'network: {internal: ["2600:1f18::/32"]}\nfeeds: [{name: listed, file: feed.txt}]\n';

interface Outcome {
  readonly alerts: readonly Alert[];
  /** Rows of the truth: type, source, destination. */
  readonly truth: readonly { type: string; src: string; dst: string }[];
}

async function play(scenario: string): Promise<Outcome> {
  const log = join(folder, `${scenario}.log.gz`);
  const truth = join(folder, `${scenario}.csv`);
  await simulateToFile({ hours: 2, hosts: 16, seed: 11, scenarios: [scenario], out: log, truth });
  const { book } = await replay({
    paths: [log],
    data: join(folder, scenario),
    config: parseConfig(CONFIG, join(folder, 'flowsentry.yaml')),
    format: undefined,
    restart: true,
    onProgress: () => {},
    warn: () => {},
  });
  const rows = (await readFile(truth, 'utf8')).trim().split('\n').slice(1);
  return {
    alerts: book,
    truth: rows.map((row) => {
      const [type = '', src = '', dst = ''] = row.split(',');
      return { type, src, dst };
    }),
  };
}

const pages = (alert: Alert): boolean => SEVERITIES.indexOf(alert.severity) >= SEVERITIES.indexOf('medium');

describe('attacks, with default settings and nothing learnt', () => {
  it.each([
    ['port-scan', 'port-scan'],
    ['port-sweep', 'port-scan'],
    ['internal-sweep', 'port-scan'],
    ['threat-ip', 'bad-ip'],
  ])('%s is found by %s, for every attacker, in IPv4 and IPv6', async (scenario, detector) => {
    const { alerts, truth } = await play(scenario);

    const attackers = new Set(truth.map((row) => row.src));
    expect(attackers.size).toBeGreaterThan(0);
    for (const attacker of attackers) {
      const found = alerts.filter((alert) => alert.detector === detector && alert.subject === attacker);
      expect(
        found.some(pages),
        `${attacker} in ${JSON.stringify(alerts.map((a) => [a.subject, a.title]))}`,
      ).toBe(true);
    }
  });
});

describe('what only looks like an attack pages nobody', () => {
  it.each([
    'keep-alive',
    'keep-alive-ipv6',
    'busy-database',
    'autoscale',
    'nightly-backup',
    'reject-noise',
    'listed-knock',
    'relay-knock',
    'playbook',
    'playbook-ipv6',
    'quic-upload',
    'not-mining',
    'vpc-dns-ipv6',
    'submission',
  ])('%s', async (scenario) => {
    const { alerts, truth } = await play(scenario);

    expect(truth).toEqual([]);
    expect(alerts.filter(pages).map((alert) => alert.title)).toEqual([]);
  });
});
