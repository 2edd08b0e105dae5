import { z } from 'zod';
import { ACCESS_SETTINGS, refineAccess } from '../../outbound/kafka-options.ts';
import { SourceName } from '../source-name.ts';

/** Topics of Apache Kafka. */
export const KafkaOptions = refineAccess(
  z.strictObject({
    type: z.literal('kafka').describe('Topics of Apache Kafka'),
    name: SourceName.describe(
      'Name of the source in logs and positions; another name reads everything again',
    ),
    ...ACCESS_SETTINGS,
    topics: z.array(z.string().min(1)).min(1).describe('Names of topics'),
    groupId: z.string().min(1).default('flowsentry').describe('The consumer group'),
    startFrom: z
      .enum(['earliest', 'latest'])
      .default('earliest')
      .describe(
        'Where to begin in a partition that neither we nor the group have a position of; latest: at what came since the group began with the topic',
      ),
    format: z
      .string()
      .min(1)
      .optional()
      .describe(`The records' format, when messages are bare lines: AWS's '\${version} …'`),
    maxBytes: z
      .int()
      .min(65_536)
      .default(8 << 20)
      .describe('Bytes fetched at once from a broker'),
    sessionTimeout: z
      .int()
      .min(6)
      .max(1800)
      .default(30)
      .describe('Seconds without a sign of life after which the group gives our partitions to others'),
  }),
);
export type KafkaOptions = z.infer<typeof KafkaOptions>;
