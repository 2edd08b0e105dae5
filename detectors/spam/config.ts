import { z } from 'zod';

const count = (fallback: number, text: string) => z.int().min(1).default(fallback).describe(text);

export const spamConfig = z.strictObject({
  learnDays: z
    .number()
    .min(0)
    .max(365)
    .default(7)
    .describe(
      'Days after which a role that sends mail is one that does, and one that never did is known not to',
    ),
  forgetDays: count(60, 'Days without mail after which a role is forgotten'),
  servers: count(30, 'Mail servers outside that a host sends to within 10 minutes: bulk'),
  maxSubjects: count(8192, 'Most hosts followed at once'),
  maxRoles: count(4096, 'Most roles remembered'),
});

export type SpamConfig = z.infer<typeof spamConfig>;
