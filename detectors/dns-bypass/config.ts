import { z } from 'zod';
import { parsePrefix } from '../../src/columns/address.ts';

const networks = (fallback: string[], text: string) =>
  z
    .array(z.string().refine((value) => parsePrefix(value) !== undefined, 'not an address or network'))
    .default(fallback)
    .describe(text);
const count = (fallback: number, text: string) => z.int().min(1).default(fallback).describe(text);

/** Public resolvers that answer DNS over HTTPS on addresses of their own: Cloudflare, Google, Quad9, OpenDNS, AdGuard, NextDNS, Control D. */
const DOH = [
  '1.1.1.1',
  '1.0.0.1',
  '2606:4700:4700::/48',
  '8.8.8.8',
  '8.8.4.4',
  '2001:4860:4860::/48',
  '9.9.9.9',
  '149.112.112.112',
  '2620:fe::/48',
  '208.67.222.222',
  '208.67.220.220',
  '2620:119:35::/48',
  '2620:119:53::/48',
  '94.140.14.0/23',
  '2a10:50c0::/32',
  '45.90.28.0/22',
  '2a07:a8c0::/31',
  '76.76.2.0/24',
];

export const dnsConfig = z.strictObject({
  resolvers: networks([], 'Resolvers outside that may be asked; the VPC’s own are not outside'),
  doh: networks(DOH, 'Resolvers that answer over HTTPS'),
  prevalentUsers: count(
    5,
    'Hosts that ask a resolver within a day, from which on it is what people use here',
  ),
  tunnelQueries: count(
    2000,
    'Questions to one server within an hour that may be a tunnel, when they are long',
  ),
  tunnelBytes: count(120, 'Average bytes of a question, headers included, that is long'),
  tunnelVolume: count(10_000_000, 'Bytes sent to one server within an hour that may be a tunnel'),
  maxSubjects: count(16_384, 'Most hosts followed at once'),
  maxPairs: count(16_384, 'Most pairs of a host and a server followed at once'),
});

export type DnsConfig = z.infer<typeof dnsConfig>;
