import { z } from 'zod';

/** Ports an intruder looks for: remote access, Windows and directory services, databases, container and cluster control. */
const SENSITIVE = [
  21, 22, 23, 88, 135, 139, 389, 445, 1433, 1521, 2375, 2379, 3306, 3389, 5432, 5900, 5985, 5986, 6379, 6443,
  9200, 10_250, 11_211, 27_017,
];

/** BitTorrent, eDonkey, Gnutella (IANA's registry): most peers that a client has heard of are gone. */
const FILE_SHARING = [4662, 6346, 6881, 6882, 6883, 6884, 6885, 6886, 6887, 6888, 6889];

const count = (fallback: number, text: string) => z.int().min(1).default(fallback).describe(text);

export const scanConfig = z.strictObject({
  windowMinutes: z
    .int()
    .min(1)
    .max(15)
    .default(5)
    .describe('Minutes over which distinct ports and hosts are counted'),
  internal: z
    .strictObject({
      ports: count(15, 'Distinct ports that fail on one host: a vertical scan'),
      hosts: count(25, 'Distinct hosts on which one port fails: a horizontal scan'),
    })
    .prefault({})
    .describe('Thresholds for internal sources'),
  external: z
    .strictObject({
      ports: count(50, 'Distinct ports that fail on one host: a vertical scan'),
      hosts: count(100, 'Distinct hosts on which one port fails: a horizontal scan'),
    })
    .prefault({})
    .describe('Thresholds for sources outside'),
  sensitivePorts: z
    .array(z.int().min(1).max(65_535))
    .default(SENSITIVE)
    .describe('Ports whose scan by an internal source is severity high'),
  sensitiveCount: count(
    5,
    'Distinct sensitive ports that an internal source fails on, on one host in one minute',
  ),
  fileSharingPorts: z
    .array(z.int().min(1).max(65_535))
    .default(FILE_SHARING)
    .describe('Ports on which hosts that fail are gone peers: told as low'),
  slowPorts: count(
    100,
    'Distinct ports that a source fails on over hours, below the other thresholds: told as low at most',
  ),
  failShare: z
    .number()
    .min(0)
    .max(1)
    .default(0.5)
    .describe('Least share of a source’s targets that failed: monitoring and discovery mostly succeed'),
  maxAlerts: count(3, 'Vertical and horizontal scans of one source told apart before they become one alert'),
  maxSources: count(32_768, 'Most sources followed at once'),
  maxPairs: count(16_384, 'Most pairs of source and host followed at once'),
  maxSweeps: count(16_384, 'Most pairs of source and port followed at once'),
});

export type ScanConfig = z.infer<typeof scanConfig>;
