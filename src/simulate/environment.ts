import { Addresses } from './addresses.ts';
import type { Interface } from './interfaces.ts';
import type { End } from './legs.ts';
import { Random } from './random.ts';

export const ROLES = [
  'alb',
  'nat',
  'bastion',
  'web',
  'app',
  'database',
  'cache',
  'batch',
  'endpoint',
  'monitor',
  'node',
  'idle',
] as const;
export type Role = (typeof ROLES)[number];

/** One that takes part in connections: a host of ours, a pod, or something on the internet (`role` undefined). */
export interface Party {
  readonly name: string;
  readonly role: Role | 'pod' | undefined;
  readonly v4: End;
  /** Absent when it has IPv4 only. */
  readonly v6: End | undefined;
  /** Last ephemeral port given. */
  port: number;
}

/** Third octet of each role's two subnets (one per availability zone): also the low byte of their IPv6 /64s. */
const SUBNETS: Record<Role, number> = {
  alb: 0,
  nat: 2,
  bastion: 4,
  web: 8,
  app: 16,
  database: 32,
  cache: 34,
  batch: 40,
  endpoint: 44,
  monitor: 46,
  node: 48,
  idle: 52,
};

/** Hosts of each role for each host of the whole, and the fewest of a small environment. */
const SHARES: Record<Role, readonly [share: number, fewest: number]> = {
  alb: [0.025, 1],
  nat: [0.025, 1],
  bastion: [0.012, 0],
  web: [0.1, 1],
  app: [0.175, 1],
  database: [0.025, 1],
  cache: [0.025, 0],
  batch: [0.05, 0],
  endpoint: [0.025, 0],
  monitor: [0.012, 0],
  node: [0.07, 0],
  idle: [0.04, 0],
};
const PODS_PER_NODE = 7;
const ACCOUNT = '123456789012';

/** Past it the subnets of the nodes have no address left for another pod. */
export const MOST_HOSTS = 800;

/** The VPC: its interfaces, hosts and pods. Addresses and ids come from the seed. */
export class Environment {
  readonly addresses = new Addresses();
  readonly interfaces: Interface[] = [];
  readonly pods: Party[] = [];
  readonly #byRole = new Map<Role, Party[]>();
  #random: Random;
  readonly #prefix: string;
  readonly #vpc: string;
  readonly #network: number;
  readonly #interval: number;
  readonly #taken = new Set<number>();
  readonly #seed: number;
  readonly #account: string;

  constructor(options: {
    seed: number;
    hosts: number;
    network: string;
    interval: number;
    start: number;
    account?: string | undefined;
  }) {
    this.#seed = options.seed;
    this.#account = options.account ?? ACCOUNT;
    this.#interval = options.interval;
    this.#prefix = options.network.split('.').slice(0, 2).join('.');
    this.#network = Math.floor(this.addresses.of(`${this.#prefix}.0.0`) / 65536);
    this.#random = new Random(options.seed, `environment/${this.#prefix}`);
    this.#vpc = `vpc-0${this.#hex(16)}`;
    for (const role of ROLES) {
      const [share, fewest] = SHARES[role];
      const count = Math.max(fewest, Math.round(share * options.hosts));
      this.#byRole.set(role, []);
      for (let i = 0; i < count; i++) this.add(role, options.start - 86400);
    }
    for (const [index, node] of this.of('node').entries()) {
      for (let i = 0; i < PODS_PER_NODE; i++) this.#addPod(node, `pod-${index}-${i}`);
    }
  }

  of(role: Role): Party[] {
    return this.#byRole.get(role)!;
  }

  /** A new host with an interface of its own, alive from `born` on. */
  add(role: Role, born: number, name = `${role}-${this.of(role).length}`): Party {
    const hosts = this.of(role);
    const party = this.guest(role, born, name, hosts.length);
    hosts.push(party);
    return party;
  }

  /** As {@link add} for a host that base traffic does not know of. `place`: odd or even decides the subnet. */
  guest(role: Role, born: number, name: string, place = 0): Party {
    const subnet = SUBNETS[role] + (place % 2);
    // A stream of its own: hosts that a scenario adds must not change those that come after.
    this.#random = this.random(`${this.#prefix}/${name}`);
    const v4 = this.#free(subnet);
    const v6 = this.#v6(subnet);
    const eni = this.#interface(role, v4, v6, subnet, born);
    const dualStack = role !== 'nat' && role !== 'endpoint';
    return {
      name,
      role,
      v4: { address: v4, eni },
      v6: dualStack ? { address: v6, eni } : undefined,
      port: 32768 + 2 * this.#random.int(14000),
    };
  }

  /** Replaces a host as a deployment does: a new instance with a new address; the old one's interface goes. */
  replace(role: Role, index: number, at: number): Party {
    const hosts = this.of(role);
    const old = hosts[index]!;
    const next = this.add(role, at, `${role}-${index}/${at}`);
    hosts.pop();
    hosts[index] = next;
    this.#retire(old, at);
    return next;
  }

  /** Takes the newest host of a role away. */
  remove(role: Role, at: number): void {
    const host = this.of(role).pop();
    if (host !== undefined) this.#retire(host, at);
  }

  /** Whether a party's address lies in the VPC, also when nobody has it. */
  holds(party: Party): boolean {
    return party.v4.eni !== undefined || Math.floor(party.v4.address / 65536) === this.#network;
  }

  /** A stream of numbers for one entity of this environment. */
  random(name: string): Random {
    return new Random(this.#seed, name);
  }

  #retire(host: Party, at: number): void {
    if (host.v4.eni !== undefined) host.v4.eni.gone = at;
    // The next host may get the address, as in a real subnet.
    this.#taken.delete(host.v4.address);
  }

  #addPod(node: Party, name: string): void {
    const eni = node.v4.eni!;
    const subnet = SUBNETS.node + ((eni.v4 >>> 8) & 1);
    this.pods.push({
      name,
      role: 'pod',
      v4: { address: this.#free(subnet), eni },
      v6: { address: this.#v6(subnet), eni },
      port: 32768 + 2 * this.#random.int(14000),
    });
  }

  #interface(role: Role, v4: number, v6: number, subnet: number, born: number): Interface {
    const requesterManaged = role === 'endpoint' || role === 'idle';
    const eni: Interface = {
      index: this.interfaces.length,
      key: this.#random.u32(),
      id: `eni-0${this.#hex(16)}`,
      account: requesterManaged ? 'unknown' : this.#account,
      v4,
      v6,
      vpc: this.#vpc,
      subnet: `subnet-0${subnet.toString(16).padStart(2, '0')}${this.#vpc.slice(-14)}`,
      instance: role === 'nat' || role === 'alb' || requesterManaged ? '-' : `i-0${this.#hex(16)}`,
      zone: `euw1-az${1 + (subnet & 1)}`,
      kind: role === 'nat' ? 'nat_gateway' : role === 'endpoint' ? 'vpc_endpoint' : '-',
      phase: this.#random.int(this.#interval),
      born,
      gone: Number.POSITIVE_INFINITY,
      unlogged: Number.POSITIVE_INFINITY,
      seen: new Int32Array(8).fill(-1),
    };
    this.interfaces.push(eni);
    return eni;
  }

  #free(subnet: number): number {
    for (;;) {
      // AWS keeps the first four and the last address of a subnet.
      const code = this.addresses.of(`${this.#prefix}.${subnet}.${4 + this.#random.int(250)}`);
      if (this.#taken.has(code)) continue;
      this.#taken.add(code);
      return code;
    }
  }

  #v6(subnet: number): number {
    const [high, low] = this.#prefix.split('.').map(Number);
    const group = () => this.#random.int(65536).toString(16);
    const net = ((low! << 8) | subnet).toString(16);
    return this.addresses.of(
      `2600:1f18:${high!.toString(16)}:${net}:${group()}:${group()}:${group()}:${group()}`,
    );
  }

  #hex(digits: number): string {
    let text = '';
    while (text.length < digits) text += this.#random.u32().toString(16).padStart(8, '0');
    return text.slice(0, digits);
  }
}
