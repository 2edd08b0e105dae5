import type { Environment, Party } from './environment.ts';
import type { Random } from './random.ts';

/** First octets of much-used public ranges, without reserved ones. */
const FIRST_OCTETS = [
  5, 18, 23, 31, 37, 45, 46, 51, 62, 66, 71, 77, 80, 89, 91, 94, 103, 109, 118, 138, 141, 144, 151, 159, 167,
  176, 185, 188, 193, 195, 201, 212, 217,
] as const;

/** A named service on the internet that hosts of ours use. */
interface ServiceSpec {
  readonly name: string;
  readonly v4: readonly string[];
  readonly v6?: readonly string[];
  /** AWS service code as pkt-dst-aws-service has it. */
  readonly aws?: string;
}

const SERVICES: readonly ServiceSpec[] = [
  { name: 's3', v4: ['52.218.24.10', '52.218.36.64', '52.218.108.96', '3.5.64.130'], aws: 'S3' },
  { name: 'ssm', v4: ['52.95.122.30', '52.95.116.115', '52.119.243.66'], aws: 'AMAZON' },
  { name: 'ntp', v4: ['162.159.200.1', '162.159.200.123', '193.79.237.14', '85.199.214.98'] },
  { name: 'mirror', v4: ['185.125.190.36', '185.125.190.39', '91.189.91.82'] },
  {
    name: 'registry',
    v4: ['104.18.124.25', '104.18.125.25', '44.208.254.194'],
    v6: ['2606:4700::6812:7c19', '2606:4700::6812:7d19'],
  },
  { name: 'payments', v4: ['34.241.202.139', '34.250.89.120', '54.187.119.242'] },
  { name: 'mail-api', v4: ['167.89.118.28', '167.89.123.54'] },
  { name: 'errors', v4: ['35.186.247.156'], v6: ['2600:1901:0:5e8a::'] },
  { name: 'maps', v4: ['142.250.180.10', '142.251.29.95'], v6: ['2a00:1450:4009:81f::200a'] },
  { name: 'login', v4: ['20.190.159.4', '40.126.31.73'], v6: ['2603:1026:3000:150::5'] },
  { name: 'resolver', v4: ['1.1.1.1', '8.8.8.8'] },
];

/** What lies beyond the VPC. */
export interface Internet {
  service(name: string, random: Random): Party;
  /** A visitor of our web site: few come often, many seldom. */
  visitor(random: Random, ipv6: boolean): Party;
  /** One of the scanners that every public address hears from. */
  scanner(random: Random): Party;
  /** The few addresses from which administrators work. */
  readonly admins: readonly Party[];
}

const VISITORS = 2400;
const VISITORS_V6 = 800;
const SCANNERS = 600;
/** Of the noise, this much comes from addresses that are never seen again. */
const STRANGERS = 0.25;

export function createInternet(environment: Environment): Internet {
  const { addresses } = environment;
  const random = environment.random('internet');
  const services = new Map(
    SERVICES.map((spec) => [
      spec.name,
      spec.v4.map((text, index) => {
        const v6 = spec.v6?.[index];
        return outside(
          `${spec.name}-${index}`,
          addresses.of(text, spec.aws),
          v6 === undefined ? undefined : addresses.of(v6, spec.aws),
        );
      }),
    ]),
  );
  const visitors = Array.from({ length: VISITORS }, (_, i) => outside(`visitor-${i}`, publicAddress(random)));
  const visitorsV6 = Array.from({ length: VISITORS_V6 }, (_, i) => {
    const group = () => random.int(65536).toString(16);
    const site = `2a02:${(0x908 + random.int(64)).toString(16)}:${group()}:${group()}`;
    const code = addresses.of(`${site}:${group()}:${group()}:${group()}:${group()}`);
    return outside(`visitor6-${i}`, publicAddress(random), code);
  });
  const scanners = Array.from({ length: SCANNERS }, (_, i) => outside(`scanner-${i}`, publicAddress(random)));
  const admins = [
    outside('admin-0', addresses.of('81.187.34.21')),
    outside('admin-1', addresses.of('82.69.14.137')),
  ];
  return {
    admins,
    service: (name, draws) => draws.pick(services.get(name)!),
    visitor: (draws, ipv6) => often(draws, ipv6 ? visitorsV6 : visitors),
    scanner: (draws) =>
      draws.chance(STRANGERS) ? outside('stranger', publicAddress(draws)) : often(draws, scanners),
  };
}

/** Something on the internet. */
export function outside(name: string, v4: number, v6?: number): Party {
  return {
    name,
    role: undefined,
    v4: { address: v4, eni: undefined },
    v6: v6 === undefined ? undefined : { address: v6, eni: undefined },
    port: 32768 + 2 * (v4 % 14000),
  };
}

/** A public IPv4 address. */
export function publicAddress(random: Random): number {
  const first = FIRST_OCTETS[random.int(FIRST_OCTETS.length)]!;
  return first * 16777216 + random.int(16777216);
}

/** The cube of an even draw: the first tenth of the list gets nearly half of the picks. */
function often(random: Random, parties: readonly Party[]): Party {
  return parties[Math.floor(random.unit() ** 3 * parties.length)]!;
}
