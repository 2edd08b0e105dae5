import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { detectors } from '../../detectors/index.ts';
import { type Config, loadConfig } from '../../src/config.ts';
import { SCENARIOS, simulateToFile } from '../../src/simulate/simulate.ts';
import { type LabelledSet, readSet } from './labelled-set.ts';

/** Millions of records each, whose point is memory: tests have them. */
const STORMS: readonly string[] = ['scan-storm', 'scan-storm-destinations'];

export const scenarios = SCENARIOS.filter(({ name }) => !STORMS.includes(name));

/** Attacks that wake nobody, as the catalogue has it: everybody outside is scanned all day, and what a policy stopped has been stopped. */
export const LOW: ReadonlySet<string> = new Set(
  ['port-scan-inbound', 'segmentation-attempt'].flatMap((name) => [name, `${name}-ipv6`]),
);

/** What passes the NAT gateways is judged at the hosts behind them. */
const NAT = ['10.0.2.0/23', '2600:1f18:a:2::/63'];
const EXCEPTIONS = detectors.flatMap(({ id }) =>
  NAT.map((subject) => `  - { detector: ${id}, subject: "${subject}", reason: NAT gateway }`),
);

/** Default detectors, and what only the owner of the network can say: which IPv6 is theirs, the feeds, the policy of the tiers, who is NAT. */
const CONFIG = `network: { internal: ["2600:1f18:a::/48"] }
feeds:
  - { name: listed, file: feed.txt, confidence: 90 }
  - { name: relays, file: relays.txt, category: tor, confidence: 90 }
  - { name: pools, file: pools.txt, category: crypto-mining, confidence: 90 }
policy: policy.yaml
exceptions:
${EXCEPTIONS.join('\n')}
`;
const FEEDS = {
  'feed.txt': '198.51.100.23\n2001:db8:23::17\n',
  'relays.txt': '198.51.100.200/29\n198.51.100.208/29\n198.51.100.216\n2001:db8:c9::/64\n',
  'pools.txt': '198.51.100.240\n2001:db8:f0::1\n',
};
const POLICY = `zones:
  web: { cidr: [10.0.8.0/21, "2600:1f18:a:8::/61"] }
  database: { cidr: [10.0.32.0/23, "2600:1f18:a:20::/63"] }
rules:
  - { name: web-past-app, from: web, to: database, action: deny }
  # any: the policy's word for every zone, and for what is in none.
  - { name: rest, from: any, to: any, action: allow }
`;

/** The configuration of all scenarios, written to `folder`. */
export async function scenarioConfig(folder: string): Promise<Config> {
  for (const [name, text] of Object.entries(FEEDS)) await writeFile(join(folder, name), text);
  await writeFile(join(folder, 'policy.yaml'), POLICY);
  const path = join(folder, 'flowsentry.yaml');
  await writeFile(path, CONFIG);
  return loadConfig(path);
}

/** Nine and a half days of a small VPC, so that what learns has learnt, with the scenario: an attack begins on the ninth day. */
export async function simulateSet(name: string, quiet: boolean, folder: string): Promise<LabelledSet> {
  const at = join(folder, name);
  await simulateToFile({
    seed: 11,
    hours: 228,
    hosts: 12,
    rate: 0.002,
    noise: 0.02,
    header: false,
    scenarios: [quiet ? name : `${name}@8d`],
    out: `${at}.log.gz`,
    truth: `${at}.truth.csv`,
  });
  return readSet(folder, name);
}
