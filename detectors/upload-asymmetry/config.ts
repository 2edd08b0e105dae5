import { z } from 'zod';

const count = (fallback: number, text: string) => z.int().min(1).default(fallback).describe(text);

export const asymmetryConfig = z.strictObject({
  learnDays: z
    .number()
    .min(0)
    .max(365)
    .default(3)
    .describe(
      'Days after which a role that uploads is one that does, and one that never did is known not to',
    ),
  forgetDays: count(30, 'Days without an upload after which a role is forgotten'),
  bytes: count(100_000_000, 'Bytes sent to addresses outside within an hour'),
  ratio: z.number().min(1).default(20).describe('Bytes sent for each one that comes back, at least'),
  ports: z
    .array(z.int().min(0).max(65_535))
    .default([])
    .describe('Server ports that are not judged, such as 22 where backups go over SSH'),
  maxHosts: count(8192, 'Most hosts that upload followed at once'),
  maxRoles: count(4096, 'Most roles remembered'),
  maxNetworks: count(65_536, 'Most networks outside remembered, a /24 or /48 each'),
});

export type AsymmetryConfig = z.infer<typeof asymmetryConfig>;
