import { z } from 'zod';

const port = z.int().min(1).max(65_535);

export const ircConfig = z.strictObject({
  ports: z
    .array(port)
    .default([194, 6660, 6661, 6662, 6663, 6664, 6665, 6666, 6667, 6668, 6669, 6697])
    .describe('Ports of IRC servers'),
  minSeconds: z
    .int()
    .min(0)
    .default(60)
    .describe('Seconds that a session must last: a channel is sat in, a probe is over at once'),
  minReceived: z.int().min(0).default(500).describe('Bytes that the server must have sent'),
  listenRatio: z
    .number()
    .min(0)
    .default(3)
    .describe(
      'Bytes received for each one sent, from which a host listens to a channel and is severity medium',
    ),
  maxCases: z.int().min(1).default(4096).describe('Most pairs of client and server followed at once'),
});

export type IrcConfig = z.infer<typeof ircConfig>;
