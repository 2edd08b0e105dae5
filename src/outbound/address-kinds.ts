import { BlockList, isIP } from 'node:net';

/** Addresses no connection goes to: whoever can make us call them could read credentials of the machine, or reach its neighbours. */
const DENIED = new BlockList();
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  // Link-local, with the instance metadata of AWS, GCP and Azure, and the credentials of ECS and EKS.
  ['169.254.0.0', 16],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const)
  DENIED.addSubnet(network, prefix, 'ipv4');
// Instance metadata outside link-local: Alibaba Cloud, Azure's WireServer, Oracle Cloud.
for (const address of ['100.100.100.200', '168.63.129.16', '192.0.0.192']) DENIED.addAddress(address, 'ipv4');
for (const [network, prefix] of [
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
  // Amazon's own services on instances: metadata, DNS, time.
  ['fd00:ec2::', 32],
] as const)
  DENIED.addSubnet(network, prefix, 'ipv6');
for (const address of ['::', 'fd20:ce::254']) DENIED.addAddress(address, 'ipv6');

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/** IPv6 networks whose addresses carry an IPv4 address, and the 16-bit group at which it begins (RFC 4291, 6052, 8215, 3056). */
const CARRIERS: readonly (readonly [prefix: readonly number[], group: number])[] = [
  [[0, 0, 0, 0, 0, 0], 6],
  [[0, 0, 0, 0, 0, 0xffff], 6],
  [[0, 0, 0, 0, 0xffff, 0], 6],
  [[0x64, 0xff9b, 0, 0, 0, 0], 6],
  [[0x64, 0xff9b, 1], 6],
  [[0x2002], 1],
];

/** Whether nothing may connect there. What is no address is denied. */
export function isDenied(address: string): boolean {
  return matches(DENIED, address, true);
}

/** Whether it is this machine itself, as an address or as `localhost`. */
export function isLoopback(address: string): boolean {
  return address === 'localhost' || matches(LOOPBACK, address, false);
}

function matches(list: BlockList, address: string, otherwise: boolean): boolean {
  const plain = address.replace(/%.*$/, '');
  switch (isIP(plain)) {
    case 4:
      return list.check(plain, 'ipv4');
    case 6: {
      const carried = carriedBy(plain);
      return list.check(plain, 'ipv6') || (carried !== undefined && list.check(carried, 'ipv4'));
    }
    default:
      return otherwise;
  }
}

/** The IPv4 address within. `::1` and `::` are themselves. */
function carriedBy(address: string): string | undefined {
  const groups = groupsOf(address);
  if (groups.slice(0, 7).every((group) => group === 0)) return undefined;
  const carrier = CARRIERS.find(([prefix]) => prefix.every((group, i) => groups[i] === group));
  if (carrier === undefined) return undefined;
  const [high = 0, low = 0] = groups.slice(carrier[1], carrier[1] + 2);
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
}

/** The eight groups of a valid address; the URL parser brings every spelling to one. */
function groupsOf(address: string): number[] {
  const text = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [head = '', tail] = text.split('::');
  const parse = (part: string) =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16));
  const before = parse(head);
  if (tail === undefined) return before;
  const after = parse(tail);
  return [...before, ...Array<number>(8 - before.length - after.length).fill(0), ...after];
}
