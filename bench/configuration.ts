import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Networks of the feed: about what a merged set of public lists has. */
const LISTED = 20_000;

/** The tiers as the simulator lays them out; every flow passes all rules and none is a violation, which would be a storm. */
const POLICY = `zones:
  balancer: { cidr: [10.0.0.0/23] }
  nat: { cidr: [10.0.2.0/23] }
  web: { cidr: [10.0.8.0/23] }
  app: { cidr: [10.0.16.0/23] }
  database: { cidr: [10.0.32.0/23] }
rules:
  # any: the policy's word for every zone, and for what is in none.
  - { name: visitors, from: any, to: balancer, ports: [80, 443], protocol: tcp, action: allow }
  - { name: balancer-to-web, from: balancer, to: web, ports: [8080], protocol: tcp, action: allow }
  - { name: web-to-app, from: web, to: app, ports: [9000], protocol: tcp, action: allow }
  - { name: app-to-database, from: app, to: database, ports: [5432], protocol: tcp, action: allow }
  - { name: to-nat, from: [web, app, database], to: nat, action: allow }
  # What no rule names is allowed, so that every flow is looked up and none is an alert.
  - { name: rest, from: any, to: any, action: allow }
`;

/** A configuration in which every detector works: a feed, a policy, and learning that ends within the records. Returns its path. */
export async function writeConfig(folder: string): Promise<string> {
  await writeFile(join(folder, 'policy.yaml'), POLICY);
  await writeFile(join(folder, 'feed.txt'), feedText(LISTED));
  await writeFile(join(folder, 'relays.txt'), '198.51.100.0/25\n2001:db8:c9::/64\n');
  await writeFile(join(folder, 'pools.txt'), '198.51.100.128/25\n2001:db8:f0::/64\n');
  const path = join(folder, 'flowsentry.yaml');
  await writeFile(
    path,
    `feeds:
  - { name: bench, file: feed.txt }
  - { name: relays, file: relays.txt, category: tor }
  - { name: pools, file: pools.txt, category: crypto-mining }
policy: policy.yaml
detectors:
  unexpected-egress: { learnDays: 0.25 }
  volume-spike: { learnDays: 0.25 }
`,
  );
  return path;
}

/** Networks of 100.64.0.0/10's neighbours and other parts of IPv4, spread evenly, none of which the simulator uses often. */
export function feedText(count: number): string {
  const lines: string[] = [];
  for (let i = 0; i < count; i++) {
    const address = (0x60000000 + Math.imul(i, 0x9e3779b1)) >>> 0;
    const first = 96 + ((address >>> 24) % 3);
    lines.push(`${first}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`);
  }
  return `${lines.join('\n')}\n`;
}
