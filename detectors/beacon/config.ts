import { z } from 'zod';
import { parseAddress } from '../../src/columns/address.ts';

/** Resolvers that everybody may ask: Google, Cloudflare, Quad9, OpenDNS. */
const PUBLIC_RESOLVERS = [
  '8.8.8.8',
  '8.8.4.4',
  '2001:4860:4860::8888',
  '2001:4860:4860::8844',
  '1.1.1.1',
  '1.0.0.1',
  '2606:4700:4700::1111',
  '2606:4700:4700::1001',
  '9.9.9.9',
  '149.112.112.112',
  '2620:fe::fe',
  '2620:fe::9',
  '208.67.222.222',
  '208.67.220.220',
  '2620:119:35::35',
  '2620:119:53::53',
];

const address = z.string().refine((text) => parseAddress(text) !== undefined, 'not an address');
const port = z.int().min(0).max(65_535);

export const beaconConfig = z.strictObject({
  score: z.number().min(0).max(1).default(0.8).describe('Score from which a rhythm is told'),
  strictScore: z
    .number()
    .min(0)
    .max(1)
    .default(0.9)
    .describe('Score asked of questions to name servers and of calls from outside, which are often regular'),
  minCalls: z.int().min(4).default(12).describe('Calls in 24 hours, at least'),
  minPorts: z
    .int()
    .min(1)
    .max(200)
    .default(3)
    .describe(
      'Changes of the source port, at least: one port is one kept-open connection; with 1, connections that are kept open count as well',
    ),
  minInterval: z
    .int()
    .min(1)
    .default(3)
    .describe('Shortest median interval, in seconds; what is faster is a stream'),
  maxInterval: z.int().min(1).max(43_200).default(21_600).describe('Longest median interval, in seconds'),
  fastInterval: z
    .int()
    .min(0)
    .default(600)
    .describe(
      'While it is not known what is usual, only rhythms up to this median interval (seconds) page: update checks are slower',
    ),
  kept: z
    .number()
    .min(0)
    .max(1)
    .default(0.5)
    .describe('Share of the time between the first and the last call that the rhythm must fill'),
  learnDays: z
    .number()
    .min(0)
    .max(365)
    .default(7)
    .describe('Days watched after which a destination that was not called before is known to be new'),
  prevalence: z
    .number()
    .min(0)
    .max(1)
    .default(0.05)
    .describe('A destination that more than this share of the callers call is not told'),
  prevalentUsers: z
    .int()
    .min(2)
    .default(3)
    .describe('Callers that a destination must have, at least, not to be told for its prevalence'),
  servers: z
    .int()
    .min(2)
    .max(16)
    .default(4)
    .describe('Networks that a subject must call with one rhythm to be told as calling several servers'),
  quietPorts: z.array(port).default([123]).describe('Server ports that are regular by nature (time)'),
  resolvers: z
    .array(address)
    .default(PUBLIC_RESOLVERS)
    .describe('Name servers outside that may be asked as regularly as anybody likes'),
  maxPairs: z.int().min(1).default(32_768).describe('Most pairs of subject, peer and port followed at once'),
  maxDestinations: z.int().min(1).default(65_536).describe('Most destinations remembered'),
  maxSubjects: z.int().min(1).default(32_768).describe('Most subjects and services remembered'),
});

export type BeaconConfig = z.infer<typeof beaconConfig>;
