import { z } from 'zod';

const count = (fallback: number, text: string) => z.int().min(1).default(fallback).describe(text);

export const protocolConfig = z.strictObject({
  usual: z
    .array(z.int().min(0).max(255))
    .default([1, 2, 6, 17, 58, 103, 112])
    .describe('Protocols (IANA numbers) that are never news: ICMP, IGMP, TCP, UDP, PIM, VRRP'),
  learnDays: z
    .number()
    .min(0)
    .max(365)
    .default(7)
    .describe('Days after which a protocol that a role uses is known'),
  icmpBytes: count(5_000_000, 'Bytes of ICMP sent to one address within an hour that may be a tunnel'),
  icmpPacketBytes: count(200, 'Average bytes of such a packet, headers included: a ping has 84'),
  maxRoles: count(8192, 'Most pairs of a role and a protocol remembered'),
  maxPairs: count(8192, 'Most pairs of hosts followed at once'),
});

export type ProtocolConfig = z.infer<typeof protocolConfig>;
