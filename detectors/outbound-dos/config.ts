import { z } from 'zod';

const packets = (fallback: number, text: string) => z.int().min(1).default(fallback).describe(text);
const ports = (fallback: number[], text: string) =>
  z.array(z.int().min(0).max(65_535)).default(fallback).describe(text);

export const dosConfig = z.strictObject({
  packets: z
    .strictObject({
      dns: packets(60_000, 'To port 53 over UDP, unanswered'),
      udpOnTcp: packets(60_000, 'Over UDP to ports where TCP is usual (`tcpPorts`), unanswered'),
      udp: packets(120_000, 'Over UDP to other ports, unanswered'),
      tcp: packets(60_000, 'Over TCP, small and unanswered'),
      icmp: packets(15_000, 'ICMP, answered or not'),
      unusual: packets(30_000, 'Of other protocols but VPNs, unanswered'),
    })
    .prefault({})
    .describe('Packets to one address in 10 minutes that are a flood, by kind'),
  tcpPorts: ports(
    [20, 21, 22, 23, 25, 80, 110, 143, 445, 1433, 3306, 3389, 5432, 6379, 8080, 9200],
    'Ports on which UDP is unusual; not 443, which QUIC uses',
  ),
  streamPorts: ports(
    [514, 2055, 4739, 4789, 6343, 8125, 9995, 9996],
    'Ports of streams that nobody answers (syslog, NetFlow, IPFIX, VXLAN, sFlow, StatsD): ten times as many packets',
  ),
  maxPairs: z.int().min(1).default(16_384).describe('Most pairs of a source and a target followed at once'),
});

export type DosConfig = z.infer<typeof dosConfig>;
export type Kind = keyof DosConfig['packets'];
