import { z } from 'zod';

export const segmentationConfig = z.strictObject({
  ports: z
    .int()
    .min(1)
    .max(16)
    .default(4)
    .describe('Server ports of a path told apart; what comes after them is one alert'),
  forgetDays: z
    .int()
    .min(1)
    .max(3650)
    .default(14)
    .describe('Days without a violation after which the ports told of a path are forgotten'),
  maxPaths: z.int().min(1).default(32_768).describe('Most paths (subject, rule and zones) remembered'),
});

export type SegmentationConfig = z.infer<typeof segmentationConfig>;
