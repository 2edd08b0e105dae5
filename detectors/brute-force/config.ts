import { z } from 'zod';

const ports = (fallback: number[], text: string) =>
  z.array(z.int().min(1).max(65_535)).default(fallback).describe(text);
const count = (fallback: number, text: string) => z.int().min(1).default(fallback).describe(text);

export const bruteForceConfig = z.strictObject({
  ports: z
    .strictObject({
      ssh: ports([22, 2222], 'Ports of SSH: name those of your own here'),
      rdp: ports([3389], 'Ports of the remote desktop'),
      winrm: ports([5985, 5986], 'Ports of Windows remote management'),
      telnet: ports([23, 2323], 'Ports of telnet'),
      database: ports([1433, 1521, 3306, 5432, 27_017], 'Ports of databases'),
    })
    .prefault({})
    .describe('Where passwords are asked for'),
  sessions: count(20, 'Similar short sessions of a source with one service in 5 minutes'),
  databaseSessions: count(100, 'The same for databases, where applications without a pool connect often'),
  sources: count(25, 'Outside sources that try one service within an hour: told as one, severity low'),
  minBytes: count(500, 'Bytes a client sends in an attempt, at least: a handshake and a key exchange'),
  maxBytes: count(8000, 'Bytes a client sends in an attempt, at most'),
  spread: z
    .number()
    .min(0)
    .default(0.5)
    .describe('Largest standard deviation of the bytes of attempts, as a share of their mean: people vary'),
  successFactor: z
    .number()
    .min(2)
    .default(10)
    .describe('A session that moves so many times the bytes of an attempt may be a success'),
  maxAlerts: count(20, 'Outside sources told apart for one service; more are only told as one'),
  maxPairs: count(32_768, 'Most pairs of a source and a service followed at once'),
  maxTargets: count(8192, 'Most services followed at once'),
});

export type BruteForceConfig = z.infer<typeof bruteForceConfig>;

export const SERVICES = ['ssh', 'rdp', 'winrm', 'telnet', 'database'] as const;
