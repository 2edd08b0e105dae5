import { z } from 'zod';

const hours = z.number().min(1).max(720);

export const longConnectionConfig = z.strictObject({
  lowHours: hours.default(4).describe('Hours after which a connection is told as low'),
  mediumHours: hours.default(8).describe('Hours after which it is medium'),
  highHours: hours.default(12).describe('Hours after which it is high'),
  learnDays: z
    .number()
    .min(0)
    .max(365)
    .default(7)
    .describe('Days a subject is watched before its connections are judged, and the whole before any is'),
  knownHours: hours
    .default(1)
    .describe('Hours that a connection must last to make its destination a known one'),
  forgetDays: z
    .int()
    .min(1)
    .max(3650)
    .default(30)
    .describe('Days without a connection of that length after which a destination is forgotten'),
  minBytes: z.number().min(0).default(1000).describe('Bytes that each end must have sent'),
  maxConnections: z.int().min(1).default(32_768).describe('Most connections followed at once'),
  maxDestinations: z.int().min(1).default(65_536).describe('Most known destinations'),
  maxSubjects: z.int().min(1).default(65_536).describe('Most subjects remembered'),
});

export type LongConnectionConfig = z.infer<typeof longConnectionConfig>;
